"""From tables to arrays: runs become a :class:`~bayes_scaling.models.layout.Problem`, designs become rows."""

from bayes_scaling.encoding.design import EncodedDesign, cells, complete_design, encode_design
from bayes_scaling.encoding.problem import encode_runs

__all__ = ["EncodedDesign", "cells", "complete_design", "encode_design", "encode_runs"]

"""The runs table: read from a file or a DataFrame, checked, in canonical form.

``load_runs`` is the way in for users; ``validate_runs`` is what ``fit`` calls on whatever it is given.
"""

from bayes_scaling.runs.factors import check_factor_varies, varied_factors
from bayes_scaling.runs.load import load_runs, validate_runs
from bayes_scaling.runs.schema import COLUMNS, FACTORS, NAMES, Column

__all__ = [
    "COLUMNS",
    "FACTORS",
    "NAMES",
    "Column",
    "check_factor_varies",
    "load_runs",
    "validate_runs",
    "varied_factors",
]

"""The site: `make docs`, or `sphinx-build -W -b html docs site`. Warnings are errors."""

import os
import sys
from pathlib import Path

import bayes_scaling

sys.path.insert(0, str(Path(__file__).parent))  # mathml

project = "bayes_scaling"
release = bayes_scaling.__version__
copyright = "the bayes_scaling authors, MIT licence"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["notebooks/*.py", "notebooks/.*"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "bayes_scaling"
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# DOCS_NOTEBOOKS=off shows notebooks without their outputs: a site in seconds, to look at prose
nb_execution_mode = os.environ.get("DOCS_NOTEBOOKS", "auto")
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # the docstrings say types with their units
autodoc_member_order = "bysource"

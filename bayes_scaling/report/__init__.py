"""One page that says what was fitted, whether to trust it, and what to do: self-contained HTML with an explorer.

The page carries posterior draws and evaluates the law in the browser (``model.js``), so that bands and P(best) at any
sizes are those of the posterior. ``carried`` says which draws, ``explorer`` what else the page is told, ``sections``
what it says, ``page`` how it is put together.
"""

from os import PathLike

from bayes_scaling.averaging import Average
from bayes_scaling.errors import BayesScalingError
from bayes_scaling.posterior import Posterior
from bayes_scaling.report.page import render
from bayes_scaling.storage import path_of
from bayes_scaling.whole_file import whole_file


def write(answers: Posterior | Average, path: str | PathLike[str]) -> None:
    """Write the report of a posterior, or of an average of several, as one HTML file, whole or not at all.

    Parameters
    ----------
    answers : Posterior or Average
    path : str or path
        Its folder must exist.

    Raises
    ------
    BayesScalingError
        If the file cannot be written.
    """
    target = path_of(path)
    text = render(answers)
    try:
        with whole_file(target) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BayesScalingError(
            f"cannot write {str(target)!r}: {error.strerror or error}. Nothing was written; choose a folder that "
            "exists, is writable and has space"
        ) from error

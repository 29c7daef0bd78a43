"""Study files that are ready to be copied and run where the models and data sets that they name can be reached."""

from importlib.resources import files
from os import PathLike
from pathlib import Path

from bayes_scaling.finetune.errors import StudyError

NAMES = ("pythia",)


def recipe(name: str) -> str:
    """The text of a recipe, a study file.

    Parameters
    ----------
    name
        One of ``NAMES``.

    Raises
    ------
    StudyError
        If there is no recipe of that name.
    """
    if name not in NAMES:
        raise StudyError(f"recipe {name!r}: there is none of this name; choose one of {', '.join(NAMES)}")
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def write_recipe(name: str, path: str | PathLike[str]) -> None:
    """Copy a recipe to a new file.

    Raises
    ------
    StudyError
        If there is no recipe of that name, or the file is there already or cannot be written.
    """
    text = recipe(name)
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StudyError(f"{str(path)!r} is there already and is left as it is; name a new file") from None
    except OSError as error:
        raise StudyError(
            f"cannot write {str(path)!r}: {error.strerror or error}; choose a folder that exists and is writable"
        ) from error

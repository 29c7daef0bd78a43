"""Study files, read: YAML, checked, with every fault told by its place in the file."""

from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bayes_scaling.finetune.config import faults
from bayes_scaling.finetune.config.study import Study
from bayes_scaling.finetune.errors import StudyError

MOST_BYTES = 1_000_000


def load_study(path: str | PathLike[str]) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : str or path
        A YAML file of one page.

    Returns
    -------
    Study
        Frozen; relative paths in it start from the file's folder.

    Raises
    ------
    StudyError
        If the file is not there, is not YAML, or breaks a rule; every fault is named by its key.
    """
    file = Path(path)
    study = parse_study(read_yaml(file), str(path))
    study._file = file.resolve()
    return study


def parse_study(content: Any, name: str = "study") -> Study:
    """Check the content of a study file.

    Raises
    ------
    StudyError
        If it breaks a rule.
    """
    if not isinstance(content, dict):
        raise StudyError(f"{name}: a study file is a mapping of keys, this is {type(content).__name__}")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(told(name, error)) from None


def read_yaml(file: Path, kind: str = "study") -> Any:
    """The content of a YAML file of one page, or a StudyError that says what is wrong with it."""
    if not file.is_file():
        raise StudyError(f"{str(file)!r}: there is no such file; name a {kind} file (YAML)")
    if file.stat().st_size > MOST_BYTES:
        raise StudyError(f"{str(file)!r} has {file.stat().st_size} bytes; a {kind} file is a page of YAML")
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise StudyError(f"{str(file)!r} is not YAML: {' '.join(str(error).split())}") from None


def told(name: str, error: ValidationError) -> str:
    """The faults that pydantic found in a file, each by the place of its key."""
    return f"{name}: {faults.told(error)}"

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
MOST_PARTS = 100_000
MOST_LETTERS = 300


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
    if not isinstance(path, str | PathLike):
        raise StudyError(f"path={path!r}: give the path of a study file as text, such as 'study.yaml'")
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
    text = _text(file, kind)
    try:
        content = _SafeLoader(text).get_single_data()
    except Exception as error:  # a value that is not of its tag breaks PyYAML with any error
        raise StudyError(f"{str(file)!r} is not YAML: {_reason(error)}") from None
    if _is_more_than(MOST_PARTS, content):
        raise StudyError(
            f"{str(file)!r} has more than {MOST_PARTS:,} parts when its aliases are written out; a {kind} file is a "
            "page of YAML"
        )
    return content


def _text(file: Path, kind: str) -> str:
    try:
        if not file.is_file():
            raise StudyError(f"{str(file)!r}: there is no such file; name a {kind} file (YAML)")
        if file.stat().st_size > MOST_BYTES:
            raise StudyError(f"{str(file)!r} has {file.stat().st_size} bytes; a {kind} file is a page of YAML")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{str(file)[:MOST_LETTERS]!r} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{str(file)!r} is not YAML: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:MOST_LETTERS] or type(error).__name__


class _SafeLoader(yaml.SafeLoader):
    """Plain data only, as in :func:`yaml.safe_load`, and every key of a mapping once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"the key {key!r} appears twice in the mapping of line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _is_more_than(most: int, content: Any) -> bool:
    """Whether there are so many parts: a few aliases of aliases stand for millions, or for no end of them."""
    left, count = [content], 0
    while left and count <= most:
        part = left.pop()
        count += 1
        left += list(part.values()) if isinstance(part, dict) else list(part) if isinstance(part, list | set) else []
    return count > most


def told(name: str, error: ValidationError) -> str:
    """The faults that pydantic found in a file, each by the place of its key."""
    return f"{name}: {faults.told(error)}"

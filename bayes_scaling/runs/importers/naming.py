"""What a path or a run's name says: ``runs/{method}-n{finetune_size}/trainer_state.json`` is files and columns at once.

``{column}`` stands for a column of the runs table and matches the shortest text without a slash, ``*`` for anything
without a slash.
"""

import glob
import re
from collections.abc import Callable
from pathlib import Path

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.messages import closest, listing
from bayes_scaling.runs.schema import NAMES

_PART = re.compile(r"\{(.*?)\}|(\*\*/|\*+)")
_WILD = {"**/": "(?:.*/)?", "**": ".*"}


def files(pattern: str) -> list[tuple[Path, dict[str, str]]]:
    """Return the files of a path or of a pattern, each with the columns that its path says.

    Parameters
    ----------
    pattern : str
        A path, with ``{column}`` and ``*`` where paths differ.

    Raises
    ------
    RunsError
        There is no such file, or a name in braces is no column.
    """
    if not _PART.search(pattern) or Path(pattern).exists():
        if not Path(pattern).exists():
            raise RunsError(f"source {pattern!r} does not exist: check the path, it is taken from {Path.cwd()}")
        return [(Path(pattern), {})]
    pattern = Path(pattern).as_posix()
    known = _regex(pattern)
    paths = sorted(glob.glob(_rewritten(pattern, glob.escape, lambda part: part[2] or "*"), recursive=True))
    said = [(Path(path), columns) for path in paths if (columns := _match(known, Path(path).as_posix())) is not None]
    if not said:
        raise RunsError(
            f"source {pattern!r} matches no file, seen from {Path.cwd()}: '{{column}}' and '*' match no slash"
        )
    return said


def columns_of(name: str, pattern: str) -> dict[str, str] | None:
    """Return the columns that a run's name says, or None where it does not match.

    Examples
    --------
    >>> columns_of("lora-n10k", "{method}-n{finetune_size}")
    {'method': 'lora', 'finetune_size': '10k'}
    """
    return _match(_regex(pattern), name)


def in_braces(pattern: str) -> list[str]:
    """Return the columns that a pattern names."""
    return [part[1] for part in _PART.finditer(pattern) if part[1] is not None]


def _regex(pattern: str) -> re.Pattern[str]:
    _check_names(in_braces(pattern), pattern)
    return re.compile(
        _rewritten(
            pattern, re.escape, lambda part: f"(?P<{part[1]}>[^/]+?)" if part[1] else _WILD.get(part[2], "[^/]*")
        )
    )


def _rewritten(pattern: str, literal: Callable[[str], str], part: Callable[[re.Match[str]], str]) -> str:
    """The pattern in another language: its parts by ``part``, what is between them by ``literal``."""
    text, end = "", 0
    for found in _PART.finditer(pattern):
        text += literal(pattern[end : found.start()]) + part(found)
        end = found.end()
    return text + literal(pattern[end:])


def _check_names(names: list[str], pattern: str) -> None:
    for name in names:
        if name not in NAMES or name == "loss":
            nearest = closest(name, NAMES)
            hint = f"write {{{nearest}}}, " if nearest else ""
            raise RunsError(
                f"pattern {pattern!r}: {{{name}}} is no column of a runs table; {hint}one of {listing(NAMES)}, or * "
                "for text that says nothing"
            )
        if names.count(name) > 1:
            raise RunsError(f"pattern {pattern!r}: {{{name}}} is there twice; keep it once and write * for the other")


def _match(pattern: re.Pattern[str], text: str) -> dict[str, str] | None:
    found = pattern.fullmatch(text)
    return found.groupdict() if found else None

"""Files of tools, read as they are; whatever is wrong with one leaves here as a ``RunsError``."""

import json
from pathlib import Path
from typing import Any

from bayes_scaling.errors import RunsError
from bayes_scaling.runs.messages import listing


def read_text(path: Path) -> str:
    """Return the text of a small file.

    Raises
    ------
    RunsError
        The file cannot be read, or is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RunsError(f"file {str(path)!r} cannot be read: {error}; check the path, or export it again") from error


def read_json(path: Path, keys: tuple[str, ...], what: str) -> dict[str, Any]:
    """Return the JSON object of a file that has all of ``keys``.

    Parameters
    ----------
    path : Path
    keys : tuple of str
        What tells this kind of file from others.
    what : str
        The kind of file, for the error.

    Raises
    ------
    RunsError
        The file is not JSON, or another kind of file.
    """
    try:
        found: dict[str, Any] = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise RunsError(f"file {str(path)!r} is not JSON ({error}): {what} is; name that file") from error
    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing:
        has = listing(list(found)[:6]) if isinstance(found, dict) else f"a {type(found).__name__}"
        raise RunsError(
            f"file {str(path)!r} is not {what}: it has no {listing(map(repr, missing))} (it has {has}); "
            "name another file, or another kind="
        )
    return found


def numbers(values: dict[str, Any]) -> dict[str, float]:
    """Return the entries that are numbers."""
    return {name: float(value) for name, value in values.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

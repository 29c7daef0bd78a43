"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

UNFINISHED = set[Path]()  # what this process is writing: to be removed by who ends it on the spot


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Write a file beside its target; it is synced and takes the target's place when the block ends, or is removed.

    Yields
    ------
    Path
        Where to write.
    """
    name = target.parent / f".{target.name}.{uuid4().hex}.part"
    UNFINISHED.add(name)
    try:
        yield name
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.replace(name, target)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    finally:
        UNFINISHED.discard(name)

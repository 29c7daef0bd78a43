"""A ledger whose file or folder its reader has few rights to: read where that can be, told where it cannot."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="the finetune extra is not installed")

from bayes_scaling.finetune.ledger import Ledger
from bayes_scaling.finetune.runs import RunResult

AS_NOBODY = """
import os, sys
from pathlib import Path
from bayes_scaling.finetune.errors import LedgerError
from bayes_scaling.finetune.ledger import Ledger
if os.geteuid() == 0:  # root may do anything anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
path = Path(sys.argv[1])
print(os.access(path, os.R_OK), os.access(path, os.W_OK), os.access(path.parent, os.W_OK))
try:
    with Ledger(path, read_only=sys.argv[2] == "read") as ledger:
        print(ledger.counts()["done"])
except LedgerError as error:
    print(error)
"""


def as_nobody(path, purpose):
    """What a reader without rights is told: may it read the file, write it, write its folder; and the answer."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(path), purpose], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rights, answer = done.stdout.splitlines()
    return rights, answer


@pytest.fixture
def public():
    """A new folder that every user may enter, which pytest's own temporary folders are not."""
    roots = [Path(root) for root in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")]
    open_to_all = [r for r in roots if r.is_dir() and all(p.stat().st_mode & 0o001 for p in (r, *r.parents))]
    assert open_to_all, f"every user must be able to enter one of {', '.join(map(str, roots))}"
    with tempfile.TemporaryDirectory(dir=open_to_all[0]) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def copied_while_open(source, folder, fake_run):
    """What a colleague copies while a study runs: the file and its WAL."""
    with Ledger(source / "study.ledger") as ledger:
        ledger.plan([fake_run(seed) for seed in range(20)])
        while (run := ledger.claim("me:1:x")) is not None:
            ledger.finish(run.id, "me:1:x", RunResult("done", {"loss": 2.0}), wall_seconds=1.0)
        for name in ("study.ledger", "study.ledger-wal"):
            shutil.copy(source / name, folder)
            (folder / name).chmod(0o444)
    return folder / "study.ledger"


def test_a_ledger_that_nobody_may_write_to_is_readable(tmp_path, public, fake_run):
    copy = copied_while_open(tmp_path, public, fake_run)
    public.chmod(0o555)
    rights, answer = as_nobody(copy, "read")
    public.chmod(0o755)
    assert rights == "True False False"
    assert answer == "20"


# Bug: PermissionError of pathlib where a folder above the ledger may not be entered, as pytest's are for others
@pytest.mark.parametrize("purpose", ["read", "write"])
def test_a_ledger_in_a_folder_that_nobody_may_enter_says_so(tmp_path, public, fake_run, purpose):
    closed = public / "closed"
    closed.mkdir()
    copy = copied_while_open(tmp_path, closed, fake_run)
    closed.chmod(0o000)
    rights, answer = as_nobody(copy, purpose)
    closed.chmod(0o755)
    assert rights == "False False False"
    assert answer == (
        f"cannot open {str(copy)!r}: Permission denied; you need the right to read the file and to enter every "
        "folder above it (chmod; ask their owner)"
    )

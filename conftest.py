"""One cache of compiled programs for all workers of a session; no doctests of modules whose libraries are absent."""

import os
import shutil
import tempfile
from importlib.util import find_spec

import pytest

RUNNER = ("torch", "transformers", "peft", "pydantic", "yaml")
CACHE = "JAX_COMPILATION_CACHE_DIR"

collect_ignore_glob = [] if all(find_spec(name) for name in RUNNER) else ["bayes_scaling/finetune/*"]


def pytest_configure(config: pytest.Config) -> None:
    """Compile a program once: two workers, the demo and the notebooks fit the same runs, and compiling is most of it.

    Workers and the processes that tests start inherit the variables. A folder that is given is used and kept.
    """
    if CACHE in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="bayes-scaling-xla-")
    os.environ |= {CACHE: folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))

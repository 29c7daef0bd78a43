"""Compiled programs are kept between processes, in a folder that is the user's alone, or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WHERE = """
import jax
from bayes_scaling.program_cache import keep_programs
keep_programs()
print(jax.config.jax_compilation_cache_dir or "nowhere")
"""
FITTED = """
import jax
import bayes_scaling as bs
compiled = []
jax.monitoring.register_event_listener(lambda name, **_: compiled.append(name))
runs = bs.load_data("zhang2024_en_zh").query("method == 'full' and base == '8B'")
fit = bs.fit(runs, bs.JointLaw(factors=(), base_effects=False), draws=100)
print(compiled.count("/jax/compilation_cache/cache_hits"), fit.draws["beta"].tobytes().hex())
"""


def said(script: str, **variables: str) -> str:
    """What a process of its own prints; nothing about caches but what is given."""
    plain = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=plain | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_by_default_it_is_in_the_users_cache_folder(tmp_path: Path) -> None:
    folder = Path(said(WHERE, XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path)))
    assert folder.is_relative_to(tmp_path) and folder.parent.name == "bayes_scaling"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_process_gives_the_same_draws_without_compiling(tmp_path: Path) -> None:
    (hits, first), (hits_again, again) = (said(FITTED, BAYES_SCALING_CACHE=str(tmp_path)).split() for _ in range(2))
    assert (int(hits), int(hits_again) > 0) == (0, True)
    assert first == again
    assert any(tmp_path.rglob("*-cache"))


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    assert said(WHERE, BAYES_SCALING_CACHE="off", HOME=str(tmp_path)) == "nowhere"
    assert said(WHERE, JAX_ENABLE_COMPILATION_CACHE="false", HOME=str(tmp_path)) == "nowhere"
    assert not any(tmp_path.rglob("*"))


def test_a_cache_of_the_callers_is_left_alone(tmp_path: Path) -> None:
    mine, ours = str(tmp_path / "mine"), str(tmp_path / "ours")
    assert said(WHERE, JAX_COMPILATION_CACHE_DIR=mine, BAYES_SCALING_CACHE=ours) == mine


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    """JAX runs what it finds there; the twin is the same folder, closed."""
    folder = Path(said(WHERE, BAYES_SCALING_CACHE=str(tmp_path)))
    folder.chmod(0o777)
    assert said(WHERE, BAYES_SCALING_CACHE=str(tmp_path)) == "nowhere"
    folder.chmod(0o700)
    assert said(WHERE, BAYES_SCALING_CACHE=str(tmp_path)) == str(folder)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    os.chown(said(WHERE, BAYES_SCALING_CACHE=str(tmp_path)), 65534, -1)
    assert said(WHERE, BAYES_SCALING_CACHE=str(tmp_path)) == "nowhere"


def test_where_there_can_be_no_folder_there_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert said(WHERE, BAYES_SCALING_CACHE=str(tmp_path / "file")) == "nowhere"

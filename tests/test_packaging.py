"""The layout: one tree, one import name, and an import that is light (see packaging.md, *Guard tests*)."""

import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import bayes_scaling
import bayes_scaling.finetune

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bayes_scaling"
HEAVY = ("torch", "transformers", "matplotlib", "ray", "jax", "numpyro", "arviz", "pandas")


def run_python(code: str, folder: Path = ROOT) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rooms_are_linked_into_the_package():
    for room in ("models", "finetune"):
        assert (PACKAGE / room).resolve() == ROOT / room
        assert (PACKAGE / room).is_symlink()


def test_from_the_root_no_room_is_imported_under_a_bare_name():
    everything = "import bayes_scaling as bs; [getattr(bs, n) for n in bs.__all__]; import bayes_scaling.finetune"
    bare = run_python(f"{everything}; import sys; print([n for n in ('models', 'finetune') if n in sys.modules])")
    assert bare.strip() == "[]"


def test_every_file_on_disk_is_a_module_of_the_package():
    def named(path: Path) -> str:
        parts = path.relative_to(ROOT).with_suffix("").parts
        return ".".join(("bayes_scaling", *parts) if parts[0] != "bayes_scaling" else parts)

    rooms = [*PACKAGE.rglob("*.py"), *(ROOT / "models").rglob("*.py"), *(ROOT / "finetune").rglob("*.py")]
    on_disk = {named(path).removesuffix(".__init__") for path in rooms}
    reached = {module.name for module in pkgutil.walk_packages([str(PACKAGE)], "bayes_scaling.")}
    assert on_disk == reached | {"bayes_scaling"}


def test_the_distribution_is_installed():
    assert version("bayes_scaling") == bayes_scaling.__version__
    (command,) = [e for e in entry_points(group="console_scripts") if e.name == "bayes-scaling"]
    assert command.value == "bayes_scaling.cli:main"


@pytest.mark.parametrize("module", ["bayes_scaling", "bayes_scaling.cli", "bayes_scaling.finetune"])
def test_importing_is_light(module, tmp_path):
    loaded = run_python(f"import sys, {module}; print([n for n in {HEAVY} if n in sys.modules])", tmp_path)
    assert loaded.strip() == "[]"


def test_every_public_name_is_there():
    assert sorted(bayes_scaling.__all__) == bayes_scaling.__all__ == dir(bayes_scaling)
    missing = [name for name in bayes_scaling.__all__ if not hasattr(bayes_scaling, name)]
    assert missing == []


def test_the_names_of_finetune_are_there_with_its_extra():
    finetune = bayes_scaling.finetune
    assert sorted(finetune.__all__) == finetune.__all__ == dir(finetune)
    with pytest.raises(AttributeError, match="no attribute 'load_studdy'"):
        finetune.load_studdy  # noqa: B018
    pytest.importorskip("torch", reason="the finetune extra is not installed")
    missing = [name for name in finetune.__all__ if not hasattr(finetune, name)]
    assert missing == []


def test_constraints_pin_everything_exactly():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z0-9-]+==[^ ]+( ; python_version (<|>=) "3\.12")?', pin) for pin in pins)
    assert "torch==2.13.0" in pins


def test_the_lowest_versions_are_the_bounds_of_the_project():
    """One bound each, and what make test-lowest installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["report"]]
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", bound) for bound in bounds)
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins == sorted(bound.replace(">=", "==") for bound in bounds)


def test_help_lists_the_verbs():
    done = subprocess.run([sys.executable, "-m", "bayes_scaling", "--help"], capture_output=True, text=True, check=True)
    verbs = ("demo", "check", "fit", "exponents", "compare", "predict", "wins", "crossover", "choose", "required")
    assert [verb for verb in verbs if not re.search(rf"\b{verb} ", done.stdout)] == []

"""Image regression: plots of fixed tables look as they did when someone looked at them; text is left out."""

import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.testing.compare import compare_images

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import make_plot_images

DRAWN_WITH = "3.11."  # another matplotlib sets panels and legends a little elsewhere: root mean squares of 14
pytestmark = pytest.mark.skipif(
    not matplotlib.__version__.startswith(DRAWN_WITH), reason=f"the pictures were drawn with matplotlib {DRAWN_WITH}x"
)
TOLERANCE = 3.0  # root mean square of the difference in grey levels, of 255


@pytest.mark.parametrize("name", make_plot_images.PICTURES)
def test_a_plot_looks_as_it_did(name: str, tmp_path: Path) -> None:
    drawn = make_plot_images.draw(name, tmp_path / f"{name}.png")
    assert compare_images(str(make_plot_images.FOLDER / f"{name}.png"), str(drawn), tol=TOLERANCE) is None


def test_broken_twin_a_curve_that_moves_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_plot_images.wins_table()
    moved = table.assign(p_best=table["p_best"].where(table["method"] != "lora", table["p_best"] - 0.05))
    monkeypatch.setattr(make_plot_images, "wins_table", lambda: moved)
    drawn = make_plot_images.draw("wins", tmp_path / "wins.png")
    found = compare_images(str(make_plot_images.FOLDER / "wins.png"), str(drawn), tol=TOLERANCE)
    assert found is not None and "RMS" in found

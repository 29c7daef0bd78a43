"""The report in a real Chromium: its sliders show what Python computes from the same draws, and nothing goes wrong."""

import re
from functools import lru_cache
from itertools import pairwise
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.checks.finding import FAILED, Check, conclude
from bayes_scaling.prediction import standard_noise
from bayes_scaling.quantities import format_quantity, parse_quantity
from bayes_scaling.report.carried import NEW_BASE, parts_of, thinned
from bayes_scaling.report.explorer import explorer
from bayes_scaling.report.page import explorer_parts
from shared import browser as chromium
from shared.posteriors import METHODS, S8, TASK, scattered

pytestmark = pytest.mark.skipif(chromium.MISSING is not None, reason=str(chromium.MISSING))

TOLERANCE = 2e-5  # 32-bit floats
PAGE = '<!DOCTYPE html><meta charset="utf-8"><title>t</title>{}{}<script>{}</script>'
NUMBERS = """
return Object.fromEntries([...document.querySelectorAll("#numbers tr")].map((row) =>
  [row.dataset.method, Object.fromEntries([...row.querySelectorAll("td")].map((cell) =>
    [cell.dataset.name, cell.dataset.name === "region" ? cell.dataset.value : Number(cell.dataset.value)]))]))
"""
NEXT_FRAME = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
FIRST_PAINT = """
return new Promise((done) => new PerformanceObserver((found) => done(found.getEntries()[0].startTime))
  .observe({ type: "paint", buffered: true }))
"""


@pytest.fixture(scope="module")
def window():
    with chromium.browser() as found:
        yield found


@pytest.fixture(scope="module")
def shown(window, tmp_path_factory):
    """Open the explorer of a posterior, alone on a page, at given settings."""
    folder = tmp_path_factory.mktemp("explorer")

    def show(answers, **settings):
        page = folder / f"{id(answers)}.html"
        if not page.exists():
            page.write_text(PAGE.format(*explorer_parts(answers)), encoding="utf-8")
        window.open(f"{page.as_uri()}#{urlencode(settings)}")
        assert window.errors() == []
        return window.run(NUMBERS)

    return show


@pytest.fixture(scope="module")
def made(runs):
    return scattered(runs[runs["split"] == "fit"], MODELS["multiplicative"])


@pytest.fixture(scope="module")
def page(fit, tmp_path_factory):
    """The whole page of a fit."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    fit.report(path)
    return path


def carried(answers, design, kind="mean"):
    """Log loss at one row under the draws that the page of a posterior carries."""
    told = []
    for part, kept in zip(parts_of(answers), thinned(answers, draws_of(answers)), strict=True):
        ((_, drawn),) = part.blocks(design)
        noise = standard_noise(part)[:, None] * drawn.sigma if kind == "run" else 0.0
        told.append((drawn.log_mean + noise)[kept, 0])
    return np.concatenate(told)


@lru_cache
def draws_of(answers):
    return sum(law["draws"] for law in explorer(answers)["laws"])


def expected(answers, designs, kind="mean", prob=0.9):
    """What the table should show, from Python's own draws."""
    log_mean = np.stack([carried(answers, design) for design in designs.values()])
    losses = np.exp(log_mean)
    best, regret = losses.argmin(axis=0), losses - losses.min(axis=0)
    lowest = np.sort(losses, axis=0)
    # 32 bits cannot tell who is best in these draws
    tied = 0.0 if len(losses) == 1 else np.mean(lowest[1] / lowest[0] - 1 < TOLERANCE)
    assert tied < 0.01
    found = {}
    for m, (method, design) in enumerate(designs.items()):
        low, high = np.exp(np.quantile(carried(answers, design, kind), [(1 - prob) / 2, (1 + prob) / 2]))
        found[method] = {
            "mean": losses[m].mean(),
            "low": low,
            "high": high,
            "p_best": pytest.approx(np.mean(best == m), abs=tied + 1e-7),
            "mcse": pytest.approx(monte_carlo_error(answers, best == m), rel=0.02 if tied else TOLERANCE),
            "expected_regret": regret[m].mean(),
            "region": answers.predict(design)["region"].iloc[0],
        }
    return found


def monte_carlo_error(answers, wins):
    """From the spread of the means of 20 stretches of every law's draws, not below that of independent draws."""
    sizes = [kept.size for kept in thinned(answers, draws_of(answers))]
    variance = 0.0
    for of_law in np.split(wins, np.cumsum(sizes)[:-1]):
        edges = np.arange(21) * of_law.size // 20
        means = [of_law[a:b].mean() for a, b in pairwise(edges)]
        variance += (of_law.size / wins.size) ** 2 * np.var(means, ddof=1) / 20
    p = (wins.sum() + 0.5) / (wins.size + 1)
    return np.sqrt(max(variance, p * (1 - p) / wins.size))


def agree(found, wanted):
    assert set(found) == set(wanted)
    for method, values in wanted.items():
        for name in ("region", "p_best", "mcse"):
            assert found[method].pop(name) == values.pop(name)
        assert found[method] == pytest.approx(values, rel=TOLERANCE, abs=1e-7), method


def design(method, finetune_size=1e5, base="8B", model_size=S8, **columns):
    row = {"task": TASK, "method": method, "finetune_size": finetune_size, "base": base, "model_size": model_size}
    return pd.DataFrame([row | columns])


def designs(**columns):
    return {method: design(method, **columns) for method in METHODS}


MODELS = {
    "multiplicative": bs.JointLaw(),
    "additive": bs.JointLaw("additive"),
    "rectified": bs.JointLaw("rectified"),
    "ceiling, noise of the loss": bs.JointLaw(ceiling=2.0, noise="loss"),
    "law alone": bs.JointLaw(base_effects=False, base_slopes=False, discrepancy=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_explorer_shows_what_python_computes_from_the_same_draws(name, runs, shown):
    posterior = scattered(runs[runs["split"] == "fit"], MODELS[name])
    for kind, prob, size in (("mean", 0.9, 1.2e5), ("run", 0.5, 9e6), ("run", 0.95, 500.0)):
        found = shown(posterior, finetune_size=size, base="8B", kind=kind, prob=prob)
        agree(found, expected(posterior, designs(finetune_size=size), kind, prob))
    found = shown(posterior, finetune_size=1e8, model_size=2e10)
    agree(found, expected(posterior, designs(finetune_size=1e8, model_size=2e10, base=NEW_BASE)))


def test_a_size_of_a_fitted_llm_is_that_llm(made, shown):
    found = shown(made, finetune_size=2e6, model_size=0.956e9)
    agree(found, expected(made, designs(finetune_size=2e6, model_size=0.956e9, base="1B")))


def test_every_method_has_its_own_pet_size_and_is_left_out_where_no_law_speaks(both, shown, window):
    posterior = scattered(both, MODELS["multiplicative"])
    settings = {"task": "MLSum", "base": "1B", "finetune_size": 4e4, "pet_size:lora": 16, "pet_size:prompt": 150}
    rows = {
        method: design(method, 4e4, "1B", 0.956e9, pet_size=size).assign(task="MLSum")
        for method, size in (("lora", 16), ("prompt", 150))
    }
    agree(shown(posterior, **settings), expected(posterior, rows))
    found = shown(posterior, task=TASK, base="8B", finetune_size=4e4)
    wanted = expected(posterior, {m: design(m, 4e4) for m in found})
    agree(found, wanted)
    assert "The PET size of prompt, lora is not used" in window.run("return document.getElementById('words').innerText")


def test_an_average_is_explored_law_by_law(runs, shown):
    fits = [scattered(runs[runs["split"] == "fit"], MODELS[name], seed=i) for i, name in enumerate(list(MODELS)[:3])]
    both = bs.average(fits, [0.5, 0.3, 0.2])
    found = shown(both, finetune_size=5e4, base="8B")
    agree(found, expected(both, designs(finetune_size=5e4)))


SIZES = (
    "1.5B",
    "14.78B",
    "100k",
    "1e5",
    "20M",
    " 3 k",
    "1_000",
    ".5k",
    "7",
    "2m",
    "-3",
    "",
    "1,000",
    "5x",
    "0.956G",
    "1e400",
)


def test_sizes_are_read_and_written_as_in_python(made, shown, window):
    shown(made)

    def read(text):
        try:
            return parse_quantity(text)
        except bs.BayesScalingError:
            return None

    found = window.run("return arguments[0].map((t) => (parseSize(t) < Infinity ? parseSize(t) : null))", SIZES)
    assert found == [read(text) for text in SIZES]
    values = [7.583e9, 956e6, 1e5, 999.6, 12345.0, 4.0, 8.04e12, 0.5]
    assert window.run("return arguments[0].map((s) => formatSize(s))", values) == list(map(format_quantity, values))


def test_one_method_has_bands_and_nothing_about_winning(runs, shown, window):
    posterior = scattered(runs[(runs["split"] == "fit") & (runs["method"] == "lora")], MODELS["multiplicative"])
    agree(shown(posterior, finetune_size=5e4, base="8B"), expected(posterior, {"lora": design("lora", 5e4)}))
    assert window.run("return [...document.querySelectorAll('.several')].every((one) => one.hidden)")
    assert "best" not in window.run("return document.getElementById('explorer').innerText")


def test_the_page_loads_quickly_without_an_error_and_without_the_network(page, window):
    window.open(page.as_uri())
    assert window.run("return document.getElementById('explorer').dataset.ready") == "yes"
    assert window.errors() == []
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    assert window.run(FIRST_PAINT) < 2000
    assert page.stat().st_size < 1e6


def test_sliders_move_by_the_keyboard_and_boxes_take_sizes_as_people_write_them(fit, page, window):
    window.open(page.as_uri())
    slider, box = "[id='slider-finetune_size']", "[id='size-finetune_size']"
    before = window.run(NUMBERS)
    window.press(slider, "\ue012" * 40)  # arrow left
    window.run(NEXT_FRAME)
    size = window.run(f'return parseSize(document.querySelector("{box}").value)')
    assert size < 2e7
    assert window.run(NUMBERS)["full"]["mean"] > before["full"]["mean"]
    agree(window.run(NUMBERS), expected(fit, designs(finetune_size=size)))
    window.run(f"document.querySelector(\"{box}\").value = ''")
    window.press(box, "30k", "\ue007")  # enter
    window.run(NEXT_FRAME)
    agree(window.run(NUMBERS), expected(fit, designs(finetune_size=3e4)))
    assert "At 30k examples on 8B, lora is likeliest best" in window.run(
        "return document.getElementById('words').innerText"
    )
    assert window.errors() == []


def test_the_page_is_near_what_all_draws_say(fit, page, window):
    window.open(f"{page.as_uri()}#{urlencode({'finetune_size': 5e4, 'base': '8B'})}")
    found = window.run(NUMBERS)
    wins = fit.win_probability(5e4, model_size=S8, base="8B").set_index("method")
    for method in METHODS:
        assert abs(found[method]["p_best"] - wins.loc[method, "p_best"]) < 4 * found[method]["mcse"]
        band = fit.predict(design(method, 5e4)).iloc[0]
        assert abs(found[method]["mean"] - band["mean"]) < 0.2 * band["sd"]


def test_a_link_to_a_section_leaves_the_settings_and_one_to_settings_does_not(page, window):
    window.open(f"{page.as_uri()}#{urlencode({'finetune_size': 5e4, 'base': '4B'})}")
    before = window.run(NUMBERS)
    window.run("document.querySelector('nav a[href=\"#exponents\"]').click()")
    window.run(NEXT_FRAME)
    assert window.run(NUMBERS) == before
    window.run("location.hash = '#finetune_size=90k&base=4B'")
    window.run(NEXT_FRAME)
    assert window.run(NUMBERS)["lora"]["mean"] < before["lora"]["mean"]
    assert window.run("return document.getElementById('size-finetune_size').value") == "90k"


@pytest.mark.parametrize("width", [390, 900])
def test_nothing_sticks_out_of_a_phone(width, page, window):
    window.resize(width)
    window.open(page.as_uri())
    wide, inside = window.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inside


def luminance(color):
    """Relative luminance of ``rgb(r, g, b)``, WCAG 2.2."""
    channels = np.array([int(part) for part in re.findall(r"\d+", color)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21.0)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


COLORS = """
const seen = ['h1', 'p', 'a', 'caption', 'th', 'td', '.verdict strong', '.c0', '.c1', '.c2']
  .map(name => [name, document.querySelector(name)]).filter(([, found]) => found);
return [getComputedStyle(document.body).backgroundColor,
  Object.fromEntries(seen.map(([name, found]) => [name, getComputedStyle(found).color]))];
"""


@pytest.mark.parametrize(
    ("scheme", "is_paper"), [("light", lambda found: found > 0.9), ("dark", lambda found: found < 0.05)]
)
def test_text_is_read_in_the_light_and_in_the_dark(scheme, is_paper, page, window):
    """WCAG 2.2: 4.5 for text, 3 for what is drawn."""
    window.emulate(scheme=scheme)
    window.open(page.as_uri())
    paper, colors = window.run(COLORS)
    assert is_paper(luminance(paper)) and {"h1", "p", "a", "td", ".verdict strong", ".c0"} <= set(colors)
    for name, color in colors.items():
        assert contrast(color, paper) >= (3.0 if name.startswith(".c") else 4.5), name


def test_a_printed_page_is_black_on_white_without_what_only_a_screen_can_do(page, window):
    window.emulate(media="print", scheme="dark")
    window.open(page.as_uri())
    paper, _ = window.run(COLORS)
    assert luminance(paper) == pytest.approx(1.0)
    shown = "return [...document.querySelectorAll('nav, input[type=range]')].map(e => getComputedStyle(e).display)"
    assert set(window.run(shown)) == {"none"}
    window.emulate()
    assert "none" not in window.run(shown)
    printed = window.pdf()
    assert printed.startswith(b"%PDF-") and len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2


def test_names_that_are_code_stay_text(runs, window, tmp_path, monkeypatch):
    evil = "<script>alert(1)</script>"
    monkeypatch.setattr(bs.Posterior, "check", lambda _: conclude([Check(evil, FAILED, evil, evil)]))
    named = runs[runs["split"] == "fit"].assign(task=evil)
    named = named.assign(method=named["method"].replace("lora", "</script><img src=x onerror=alert(2)>"))
    scattered(named, MODELS["multiplicative"], draws=25).report(tmp_path / "evil.html")
    window.open((tmp_path / "evil.html").as_uri())
    assert window.errors() == []
    assert window.run("return document.images.length + document.querySelectorAll('script').length") == 2
    assert evil in window.run("return document.querySelector('h1').innerText")
    assert "</script><img" in window.run("return document.getElementById('numbers').innerText")

"""The site: every page is reached, every link leads somewhere, the reference has every public name.

``make docs`` builds it, with warnings as errors; that takes minutes, since its notebooks run.
"""

import re
from pathlib import Path

import pytest

import bayes_scaling as bs

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "notebooks" not in path.parts)
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
TREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
ENTRY = re.compile(r"^(?:.*<(.+)>|([^:\s].*))$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)|\{doc\}`[^<`]*<([^>]+)>`")


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


def toctree() -> list[str]:
    entries = "\n".join(TREE.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    return [first or second for first, second in ENTRY.findall(entries)]


def test_the_navigation_is_every_page_and_no_other():
    pages = [name(path.with_suffix("")) for path in (*PAGES, *NOTEBOOKS)]
    assert sorted([*toctree(), "index"]) == sorted(pages)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link, doc in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / (link or f"{doc}.ipynb")
        assert target.exists(), f"{link or doc} in {name(page)}"


def test_the_reference_has_every_public_name():
    found = [
        n
        for page in (DOCS / "reference").glob("*.md")
        for n in re.findall(r":: bayes_scaling\.(\w+)", page.read_text())
    ]
    assert sorted(found) == sorted(set(bs.__all__) - {"__version__"})


def test_default_priors_of_the_explanation_are_those_of_the_model(runs):
    text = bs.JointLaw("rectified").describe(runs)
    page = (DOCS / "explanation" / "models.md").read_text(encoding="utf-8")
    for written, printed in {
        "LogNormal(log 0.05, 1)": "LogNormal(loc=-2.996, scale=1)",
        "Gamma(2, 8)": "Gamma(concentration=2, rate=8)",
        "LogNormal(log 0.3, 1.5)": "LogNormal(loc=-1.204, scale=1.5)",
        "LogNormal(log 0.01, 1.5)": "LogNormal(loc=-4.605, scale=1.5)",
        "LogNormal(log 0.02, 0.8)": "LogNormal(loc=-3.912, scale=0.8)",
        "LogNormal(log 0.2, 0.8)": "LogNormal(loc=-1.609, scale=0.8)",
        "Normal(2, 20) above 2": "Normal(loc=2, scale=20), low=2",
        "Beta(2, 2)": "Beta(concentration1=2, concentration0=2)",
    }.items():
        assert written in page and printed in text


def test_short_answers_name_what_exists():
    page = (DOCS / "how-to" / "recipes.md").read_text(encoding="utf-8")
    methods, names = re.findall(r"fit\.(\w+)\(", page), re.findall(r"bs\.(\w+)\(", page)
    assert len(methods) > 8 and [n for n in methods if not hasattr(bs.Posterior, n)] == []
    assert len(names) > 8 and [n for n in names if n not in bs.__all__] == []

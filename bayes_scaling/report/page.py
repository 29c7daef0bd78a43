"""The page as one text: sections, styles, code and posterior draws put into the template."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from bayes_scaling import __version__
from bayes_scaling.averaging import Average
from bayes_scaling.posterior import Posterior
from bayes_scaling.report import sections
from bayes_scaling.report.carried import own_law
from bayes_scaling.report.explorer import explorer
from bayes_scaling.report.markup import json_text, paragraph
from bayes_scaling.report.verdict import verdict
from bayes_scaling.text import listing

SCRIPTS = ("model.js", "settings.js", "chart.js", "page.js")
MOST_CHARACTERS = 2_500_000  # that posterior draws may take: a page is to be sent by mail


def render(answers: Posterior | Average) -> str:
    """The whole page."""
    tasks = list(dict.fromkeys(answers.layout.task))
    found = verdict(answers)
    shown, told, script = explorer_parts(answers)
    return _filled(
        "page.html",
        title=escape(f"How finetuning scales: {listing(tasks)}"),
        hash=f"sha256-{b64encode(sha256(f'{chr(10)}{script}{chr(10)}'.encode()).digest()).decode()}",
        css=_read("page.css"),
        trust=sections.trust(answers, found),
        explorer=shown,
        methods=_each(sections.methods, answers, tasks),
        next=_each(sections.next_runs, answers, tasks),
        exponents=sections.exponents(answers),
        checks=sections.checks(found),
        reporting=sections.reporting(answers, found),
        model=sections.model(answers),
        footer=escape(
            f"Made by bayes_scaling {__version__} from a posterior of {len(answers.runs)} runs, seed {answers.seed}."
        ),
        told=told,
        script=script,
    )


def explorer_parts(answers: Posterior | Average) -> tuple[str, str, str]:
    """The explorer's part of the page, the script element with what it is told, and the code.

    Without an explorer for a law that only Python can evaluate; the first part says so.
    """
    own = own_law(answers)
    if own is not None:
        said = f"The law {own.name!r} is one of your own, which only Python can evaluate: use predict() and wins."
        return paragraph(said), "", ""
    data = {"unit": _unit(answers), **explorer(answers)}
    draws = sum(law["draws"] for law in data["laws"])
    shown = _filled("explorer.html", draws=f"{draws:,}", unit=escape(data["unit"]))
    told = f'<script type="application/json" id="told">{json_text(data)}</script>'
    if len(told) > MOST_CHARACTERS:
        return (
            paragraph("This fit is too large for a page that explores it: fit a task at a time, or use predict()."),
            "",
            "",
        )
    return shown, told, "\n".join(_read(name) for name in SCRIPTS)


def _unit(answers: Posterior | Average) -> str:
    runs = answers.runs
    return str(runs["metric"].iloc[0]) if "metric" in runs else "nats per target token"


def _each(section: Callable[[Posterior | Average, str], str], answers: Posterior | Average, tasks: list[str]) -> str:
    """A section of every task, each under its name where there are several."""
    titles = [f"<h3>{escape(task)}</h3>" if len(tasks) > 1 else "" for task in tasks]
    return "".join(title + section(answers, task) for title, task in zip(titles, tasks, strict=True))


def _filled(name: str, **values: str) -> str:
    return Template(_read(name)).substitute(values)


def _read(name: str) -> str:
    return files("bayes_scaling.report").joinpath(name).read_text(encoding="utf-8")

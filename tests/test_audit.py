"""The audit of what is installed: which licences pass, and what is said where no service answers."""

import importlib.util
from collections.abc import Iterable
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "audit.py"
LONG = "License: Copyright 2015. All rights reserved. " + 20 * "text "  # the licence itself
VULNERABLE = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.7.3"]}]}


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose distributions are installed."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def installed(site: Path, name: str, *lines: str) -> Any:
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    head = ("Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0")
    (folder / "METADATA").write_text("\n".join((*head, *lines)) + "\n", encoding="utf-8")
    return distribution(name)


@pytest.mark.parametrize(
    "lines",
    [
        ["License-Expression: MIT"],
        ["License-Expression: GPL-3.0-only OR (MIT AND Apache-2.0 WITH LLVM-exception)"],
        ["License: Apache 2.0"],
        ["License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"],
        [
            LONG,
            "Classifier: License :: OSI Approved :: MIT License",
        ],
    ],
)
def test_a_licence_that_we_take_passes(audit, site, lines):
    assert audit.licence_faults(installed(site, "fake", *lines)) == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "no licence is told"),
        (["License: UNKNOWN"], "no licence is told"),
        ([LONG], "no licence is told"),
        (["License-Expression: GPL-3.0-only"], "'GPL-3.0-only' is not allowed"),
        (["License-Expression: MIT AND AGPL-3.0-or-later"], "not allowed"),
        (["License-Expression: (MIT OR"], "not allowed"),
        (["License-Expression: MIT MIT"], "not allowed"),
        (["License: GPLv3", "Classifier: License :: OSI Approved :: MIT License"], "'GPLv3' is not allowed"),
        (["Classifier: License :: OSI Approved :: GNU Affero General Public License v3"], "not allowed"),
        (["License: as you like"], "'as you like' is not allowed"),
    ],
)
def test_a_licence_that_is_forbidden_or_unknown_is_a_fault(audit, site, lines, told):
    (fault,) = audit.licence_faults(installed(site, "fake", *lines))
    assert told in fault


def test_a_forbidden_licence_far_down_fails_the_audit(audit, site, monkeypatch, capsys):
    """Of an extra, of a dependency; what an extra nobody asked for needs is not looked at, and need not be there."""
    monkeypatch.setattr(audit, "ROOT", "top")
    monkeypatch.setattr(audit, "pip_audit", lambda tool: lambda service, pins: None)
    optional = ('Requires-Dist: middle[fast]; extra == "report"', 'Requires-Dist: absent; extra == "docs"')
    installed(site, "top", "License-Expression: MIT", *optional)
    installed(site, "middle", "License-Expression: MIT", 'Requires-Dist: bottom; extra == "fast"')
    installed(site, "bottom", "License-Expression: AGPL-3.0-only")
    assert audit.main([]) == 1
    said = capsys.readouterr()
    assert "FAULT bottom 1.0: 'AGPL-3.0-only' is not allowed" in said.err
    assert "2 dependencies, 1 faults" in said.out


def test_what_is_installed_has_licences_that_we_take(audit, monkeypatch, capsys):
    monkeypatch.setattr(audit, "pip_audit", lambda tool: lambda service, pins: None)
    assert audit.main([]) == 0
    said = capsys.readouterr().out
    assert "numpyro" in said and "no vulnerability service could be reached: not audited" in said


def test_a_dependency_that_is_not_installed_is_an_error(audit, site):
    installed(site, "top", "Requires-Dist: absent")
    with pytest.raises(PackageNotFoundError, match="absent"):
        audit.dependencies("top", frozenset())


def answering(**services: list[dict[str, Any]]) -> Any:
    """A service that finds the old release's vulnerability, and answers what is given."""

    def ask(service: str, pins: Iterable[str]) -> list[dict[str, Any]] | None:
        if service not in services:
            return None
        return [VULNERABLE] if list(pins) == ["jinja2==2.4.1"] else services[service]

    return ask


def test_a_service_that_knows_nothing_is_not_believed(audit, capsys):
    """What pip-audit calls "No known vulnerabilities found"."""

    def ignorant(service: str, pins: Iterable[str]) -> list[dict[str, Any]]:
        return [{"name": pin.split("==")[0], "skip_reason": "not found on PyPI"} for pin in pins]

    assert audit.audit_vulnerabilities(ignorant, ["numpy==2.0"]) == []
    assert capsys.readouterr().out == f"{audit.UNAUDITED}\n"


def test_a_known_vulnerability_is_a_fault(audit, capsys):
    answers = [{"name": "numpy", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": []}]}]
    found = audit.audit_vulnerabilities(answering(osv=answers), ["numpy==2.0"])
    assert found == ["numpy 2.0: CVE-1, mended in none yet"]
    assert "1 of 1 dependencies were audited by osv" in capsys.readouterr().out


def test_what_a_service_does_not_know_is_named(audit, capsys):
    answers = [{"name": "numpy", "version": "2.0", "vulns": []}, {"name": "ours", "skip_reason": "not found"}]
    assert audit.audit_vulnerabilities(answering(pypi=answers), ["numpy==2.0", "ours==1"]) == []
    assert "1 of 2 dependencies were audited by pypi\nnot audited, since pypi does not know them: ours" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(("days", "faults"), [(0, 0), (-1, 1)])
def test_a_vulnerability_is_ignored_until_its_date(audit, monkeypatch, days, faults):
    until = date.today() + timedelta(days=days)
    monkeypatch.setitem(audit.IGNORED, "PYSEC-1", audit.Ignored(until, "no fix; we render no templates"))
    assert len(audit.vulnerabilities([VULNERABLE])) == faults


def test_a_tool_that_prints_no_answer_gives_none(audit, tmp_path):
    tool = tmp_path / "pip-audit"
    tool.write_text("#!/bin/sh\necho refused >&2; exit 1\n")
    tool.chmod(0o755)
    assert audit.pip_audit(str(tool))("pypi", ["numpy==2.0"]) is None
    tool.write_text("""#!/bin/sh\necho '{"dependencies": []}'\n""")
    assert audit.pip_audit(str(tool))("pypi", ["numpy==2.0"]) == []


def test_a_build_is_asked_for_by_its_release(audit, site):
    one = installed(site, "Torch_Like")
    assert audit.pinned(one) == "torch-like==1.0"

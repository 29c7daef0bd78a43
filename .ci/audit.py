"""Every dependency that is installed: its licence, and whether a vulnerability of it is known.

    make audit

Licences come from the installed metadata and need no network. Vulnerabilities are asked of PyPI, then of OSV, by
pip-audit. A service is believed once it finds those of an old release that has some: pip-audit calls it success when
a service knows nothing. Where none does, it is said that nothing was audited. Exit code 1: a licence that is not
allowed or not told, or a known vulnerability.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "bayes_scaling"
SETS = {"core": frozenset({"report"}), "finetune": frozenset({"report", "finetune"})}
LISTED = "core"  # the set that must be installed; others are looked at where they are

# SPDX names. MPL-2.0 is copyleft by the file, and we change none of its files.
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
}
OTHER_NAMES = {  # of trove classifiers, and of what people write as a licence
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
SHORT = 60  # letters: a longer text is the licence itself, not its name

SERVICES = ("pypi", "osv")
OLD = "jinja2==2.4.1"  # has had known vulnerabilities since 2014
UNAUDITED = "no vulnerability service could be reached: not audited"


class Ignored(NamedTuple):
    """A vulnerability that has no fix yet: until when nobody need look again, and why it does not reach us."""

    until: date
    why: str


IGNORED: dict[str, Ignored] = {}  # by the name that pip-audit prints

Answers = list[dict[str, Any]]
Ask = Callable[[str, Iterable[str]], Answers | None]


def dependencies(root: str, extras: frozenset[str]) -> dict[str, Distribution]:
    """What a distribution with some of its extras needs, and what that needs, as installed.

    Raises
    ------
    PackageNotFoundError
        If one of them is not.
    """
    found: dict[str, Distribution] = {}
    waiting, seen = [(canonicalize_name(root), extras)], set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        found[name] = distribution(name)
        needs = [Requirement(text) for text in found[name].requires or []]
        waiting += [(canonicalize_name(r.name), frozenset(r.extras)) for r in needs if _applies(r, wanted)]
    del found[canonicalize_name(root)]
    return dict(sorted(found.items()))


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def licences(of: Distribution) -> list[str]:
    """Every licence that the metadata name, as SPDX expressions where we know how; none where none is named."""
    if expressions := of.metadata.get_all("License-Expression"):
        return list(expressions)
    lines = of.metadata.get_all("Classifier") or []
    named = [line.split(" :: ")[-1] for line in lines if line.startswith("License ::")]
    text = "".join(of.metadata.get_all("License") or []).strip()
    if text and text != "UNKNOWN" and len(text) <= SHORT and "\n" not in text:
        named.append(text)
    return sorted({OTHER_NAMES.get(name, name) for name in named})


def allowed(expression: str) -> bool:
    """Whether an SPDX expression leaves us a licence that we take: one side of OR, both sides of AND."""
    tokens = re.findall(r"[()]|[^()\s]+", re.sub(r"\sWITH\s+[^()\s]+", "", expression))
    value = _either(tokens)
    return value and not tokens


def _either(tokens: list[str]) -> bool:
    value = _both(tokens)
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        value = _both(tokens) or value
    return value


def _both(tokens: list[str]) -> bool:
    value = _one(tokens)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        value = _one(tokens) and value
    return value


def _one(tokens: list[str]) -> bool:
    token = tokens.pop(0) if tokens else ""
    if token != "(":
        return token in ALLOWED
    value = _either(tokens)
    return bool(tokens) and tokens.pop(0) == ")" and value


def licence_faults(of: Distribution) -> list[str]:
    """What is wrong with its licences, for a person."""
    named = licences(of)
    return [f"{name!r} is not allowed" for name in named if not allowed(name)] if named else ["no licence is told"]


def pinned(of: Distribution) -> str:
    """The release without what a build adds, as in 2.13.0+cpu: services know releases."""
    return f"{canonicalize_name(of.name)}=={of.version.partition('+')[0]}"


def pip_audit(tool: str) -> Ask:
    """Ask a service through pip-audit; None where it gave no answer that can be read."""

    def ask(service: str, pins: Iterable[str]) -> Answers | None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(pins))
            file.flush()
            options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "5"]
            command = [tool, *options, "--vulnerability-service", service, "--requirement", file.name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            found: Answers = json.loads(done.stdout)["dependencies"]
        except (json.JSONDecodeError, KeyError):
            return None
        return found

    return ask


def vulnerabilities(answers: Answers) -> list[str]:
    """Name, release and vulnerability, with the releases that mend it."""
    return [
        f"{answer['name']} {answer['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none yet'}"
        for answer in answers
        for one in answer.get("vulns", [])
        if not is_ignored(one["id"])
    ]


def is_ignored(name: str, today: date | None = None) -> bool:
    """Whether a vulnerability is on the list, and its date has not passed."""
    return name in IGNORED and (today or date.today()) <= IGNORED[name].until


def audit_vulnerabilities(ask: Ask, pins: list[str]) -> list[str]:
    """Known vulnerabilities of the releases, from the first service that finds those of an old one."""
    for service in SERVICES:
        if not any(answer.get("vulns") for answer in ask(service, [OLD]) or []):
            continue
        answers = ask(service, pins)
        if answers is None:
            continue
        unknown = [answer["name"] for answer in answers if "skip_reason" in answer]
        print(f"{len(answers) - len(unknown)} of {len(pins)} dependencies were audited by {service}")
        if unknown:
            print(f"not audited, since {service} does not know them: {', '.join(unknown)}")
        return vulnerabilities(answers)
    print(UNAUDITED)
    return []


def audit_licences(found: dict[str, Distribution], core: Iterable[str]) -> list[str]:
    """Print every dependency with its licence, and return what is wrong."""
    core = set(core)
    for name, one in found.items():
        belongs = "core" if name in core else "finetune"
        print(f"{one.name:28} {one.version:16} {belongs:9} {'; '.join(licences(one)) or '?'}")
    return [f"{one.name} {one.version}: {fault}" for one in found.values() for fault in licence_faults(one)]


def everything() -> dict[str, dict[str, Distribution]]:
    """Each set of dependencies that is installed whole."""
    found = {LISTED: dependencies(ROOT, SETS[LISTED])}
    for name in SETS.keys() - found.keys():
        try:
            found[name] = dependencies(ROOT, SETS[name])
        except PackageNotFoundError as error:
            print(f"{name} is not looked at: {error.name} is not installed")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print what was found; the number of faults is no exit code, that there are some is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pip-audit", default="pip-audit", metavar="COMMAND")
    tool = parser.parse_args(arguments).pip_audit
    sets = everything()
    found = {name: one for each in sets.values() for name, one in each.items()}
    faults = audit_licences(found, sets[LISTED])
    faults += audit_vulnerabilities(pip_audit(tool), [pinned(one) for one in found.values()])
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    print(f"{len(found)} dependencies, {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())

"""Debian packages as a source of text: downloaded by name with apt, checked, unpacked in a folder, never installed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from texts import sha256, write_bytes

LICENCES = Path("/usr/share/common-licenses")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bayes_scaling" / "debian-packages"
KNOWN = Path(__file__).with_name("checksums.json")


@dataclass(frozen=True)
class Fetched:
    """A package that was downloaded: its version and checksum, and where it was unpacked."""

    name: str
    version: str
    sha256: str
    unpacked: Path


def fetch(name: str, cache: Path) -> Fetched:
    """Download a package (once) and unpack it in a folder of its own under ``cache/unpacked``.

    apt checks the file against Debian's signed index. Where ``checksums.json`` knows this version, the file must be
    the known one; another version is used with a warning, since its texts may differ.
    """
    cache.mkdir(parents=True, exist_ok=True)
    file = _downloaded(name, cache) or _download(name, cache)
    version = _run("dpkg-deb", "--field", str(file), "Version").strip()
    fetched = Fetched(name, version, sha256(file), cache / "unpacked" / name)
    _check(fetched)
    done = cache / f"{file.name}.unpacked"
    if not done.exists():
        fetched.unpacked.mkdir(parents=True, exist_ok=True)
        _run("dpkg", "-x", str(file), str(fetched.unpacked))
        done.touch()
    return fetched


def _downloaded(name: str, cache: Path) -> Path | None:
    return next(iter(sorted(cache.glob(f"{name}_*.deb"))), None)


def _download(name: str, cache: Path) -> Path:
    _run("apt-get", "download", "--quiet", name, folder=cache)
    file = _downloaded(name, cache)
    if file is None:
        sys.exit(f"apt-get downloaded no package {name!r}; run apt-get update and try again")
    return file


def _check(fetched: Fetched) -> None:
    known = json.loads(KNOWN.read_text(encoding="utf-8")).get(fetched.name, {}) if KNOWN.exists() else {}
    if known.get("version") != fetched.version:
        print(f"note: {fetched.name} {fetched.version} is not the version of checksums.json", file=sys.stderr)
    elif known["sha256"] != fetched.sha256:
        sys.exit(f"{fetched.name} {fetched.version}: SHA-256 {fetched.sha256} is not the known {known['sha256']}")


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not here; this corpus is built on Debian, or on a system with its tools")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(command)} failed: {error.stderr.strip()}")


def write_checksums(fetched: list[Fetched]) -> None:
    """Write ``checksums.json``: the versions and checksums that a corpus was recorded with."""
    content = {one.name: {"version": one.version, "sha256": one.sha256} for one in fetched}
    write_bytes(KNOWN, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

"""Where the pretraining text comes from: Debian packages, the files in them, how they are read, their licences."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """Files of a package that are read as text of one language.

    Attributes
    ----------
    package, language
        Debian package; ``en`` or ``de``.
    reader
        Key of ``markup.READERS``.
    files
        Glob from the folder that the package is unpacked in.
    licence
        As the package's ``copyright`` file states it.
    """

    package: str
    language: str
    reader: str
    files: str
    licence: str

    def paths(self, unpacked: Path) -> list[Path]:
        """The files, sorted, without links."""
        return sorted(path for path in unpacked.glob(self.files) if path.is_file() and not path.is_symlink())


DOC = "usr/share/doc"
LILYPOND = f"{DOC}/lilypond/html/Documentation"
GFDL = "GFDL-1.2+, no invariant sections"

SOURCES = (
    Source("gimp-help-en", "en", "page", "usr/share/gimp/2.0/help/en/*.html", GFDL),
    Source("gimp-help-de", "de", "page", "usr/share/gimp/2.0/help/de/*.html", GFDL),
    Source("gnome-user-docs", "en", "page", "usr/share/help/C/*/*.page", "CC-BY-SA-3.0"),
    Source("gnome-user-docs", "de", "page", "usr/share/help/de/*/*.page", "CC-BY-SA-3.0"),
    Source("debian-handbook", "en", "page", f"{DOC}/debian-handbook/html/en-US/*.html", "CC-BY-SA-3.0 or GPL-2+"),
    Source("debian-handbook", "de", "page", f"{DOC}/debian-handbook/html/de-DE/*.html", "CC-BY-SA-3.0 or GPL-2+"),
    Source("debian-reference-en", "en", "page", "usr/share/debian-reference/*.en.html", "GPL-2+"),
    Source("debian-reference-de", "de", "page", "usr/share/debian-reference/*.de.html", "GPL-2+"),
    Source("installation-guide-amd64", "en", "page", f"{DOC}/installation-guide-amd64/en/*.html", "GPL-2"),
    Source("installation-guide-amd64", "de", "page", f"{DOC}/installation-guide-amd64/de/*.html", "GPL-2"),
    Source("developers-reference", "en", "page", "usr/share/developers-reference/*.html", "GPL-2"),
    Source("developers-reference-de", "de", "page", "usr/share/developers-reference/de/*.html", "GPL-2"),
    Source("maint-guide", "en", "page", f"{DOC}/maint-guide/html/*.html", "GPL-2+"),
    Source("maint-guide-de", "de", "page", f"{DOC}/maint-guide-de/html/*.html", "GPL-2+"),
    Source(
        "debian-faq",
        "en",
        "page",
        f"{DOC}/debian/FAQ/*.en.html",
        "copying and changing under the same notice (see copyright)",
    ),
    Source(
        "debian-faq-de",
        "de",
        "page",
        f"{DOC}/debian/FAQ/de/*.html",
        "copying and changing under the same notice (see copyright)",
    ),
    Source("debian-edu-doc-en", "en", "page", f"{DOC}/debian-edu-doc-en/*.html", "GPL-2+"),
    Source("debian-edu-doc-de", "de", "page", f"{DOC}/debian-edu-doc-de/*.html", "GPL-2+"),
    Source("kicad-doc-en", "en", "page", f"{DOC}/kicad/help/en/*.html", "GPL-2+ or CC-BY-SA-3.0"),
    Source("kicad-doc-de", "de", "page", f"{DOC}/kicad/help/de/*.html", "GPL-2+ or CC-BY-SA-3.0"),
    Source("lilypond-doc-html", "en", "page", f"{LILYPOND}/*/*-[a-z]*[!.][!.][!.].html", "GFDL-1.3+"),
    Source("lilypond-doc-html-de", "de", "page", f"{LILYPOND}/*/*.de.html", "GFDL-1.3+"),
    Source("postgresql-doc-15", "en", "page", f"{DOC}/postgresql-doc-15/html/*.html", "PostgreSQL"),
    Source("git-doc", "en", "page", f"{DOC}/git-doc/**/*.html", "GPL-2"),
    Source("debian-policy", "en", "page", f"{DOC}/debian-policy/policy.html/*.html", "GPL-2+"),
    Source(
        "manpages",
        "en",
        "man",
        "usr/share/man/man?/*.gz",
        "various free (Linux-man-pages-copyleft, GPL, BSD), see copyright",
    ),
    Source(
        "manpages-dev",
        "en",
        "man",
        "usr/share/man/man?/*.gz",
        "various free (Linux-man-pages-copyleft, GPL, BSD), see copyright",
    ),
    Source("manpages-de", "de", "man", "usr/share/man/de/man?/*.gz", "GPL-3+"),
    Source("manpages-de-dev", "de", "man", "usr/share/man/de/man?/*.gz", "GPL-3+"),
    Source("dict-foldoc", "en", "dictionary", "usr/share/dictd/foldoc.dict.dz", "GFDL-1.1+"),
    Source("dict-wn", "en", "wordnet", "usr/share/dictd/wn.dict.dz", "WordNet 3.0 licence (free)"),
    Source("dict-jargon", "en", "dictionary", "usr/share/dictd/jargon.dict.dz", "public domain"),
    Source("dict-devil", "en", "dictionary", "usr/share/dictd/devil.dict.dz", "public domain"),
    Source("fortunes-de", "de", "fortunes", "usr/share/games/fortunes/de/*[!t8]", "GPL-2+ (collection); quotations"),
)

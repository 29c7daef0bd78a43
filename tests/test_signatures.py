"""Public signatures: whoever changes one sees it here first.

python tests/test_signatures.py    # writes tests/data/signatures.txt anew; say so in CHANGELOG.md
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import bayes_scaling as bs

SNAPSHOT = Path(__file__).parent / "data" / "signatures.txt"


def signatures() -> Iterator[str]:
    """Every public function, and the public methods of every public class, with parameters and defaults."""
    for name in bs.__all__:
        value = getattr(bs, name)
        if not callable(value):
            continue
        yield f"{name}{_parameters(value)}"
        if inspect.isclass(value):
            members = inspect.getmembers(value, inspect.isfunction)
            yield from (f"{name}.{m}{_parameters(f)}" for m, f in members if not m.startswith("_"))


def _parameters(value: object) -> str:
    """Names, kinds and defaults; types are the type checker's."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return ""
    signature = inspect.signature(value)  # type: ignore[arg-type]
    return str(inspect.Signature([_bare(p) for p in signature.parameters.values()]))


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    named = _Named(default.__name__) if inspect.isfunction(default) else default  # whose repr has no address
    return parameter.replace(annotation=inspect.Parameter.empty, default=named)


class _Named(str):
    __repr__ = str.__str__


def test_public_signatures_are_as_they_were_released():
    before, now = SNAPSHOT.read_text(encoding="utf-8").splitlines(), list(signatures())
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    assert (gone, new) == ([], []), "public signatures changed: run python tests/test_signatures.py and say why"


def test_a_renamed_parameter_is_seen():
    def before(finetune_size: float, *, prob: float = 0.9) -> None: ...

    def after(size: float, *, prob: float = 0.9) -> None: ...

    assert _parameters(before) == "(finetune_size, *, prob=0.9)" != _parameters(after)


if __name__ == "__main__":
    SNAPSHOT.write_text("".join(f"{line}\n" for line in signatures()), encoding="utf-8")

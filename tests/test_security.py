"""What no file of ours may do: unpickle, evaluate text, run a shell, load code from a hub."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("bayes_scaling", "models", "finetune", "studies", "benchmarks")
SOURCES = sorted({p.resolve() for folder in FOLDERS for p in (ROOT / folder).rglob("*.py")})
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "jsonpickle", "joblib", "marshal", "shelve"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {"torch.load", "os.system", "os.popen", "pd.read_pickle", "subprocess.getoutput", "tempfile.mktemp"}
METHODS = {"read_pickle", "to_pickle"}
YAML = {"yaml.safe_load", "yaml.safe_dump"}
ONLY = {"trust_remote_code": False, "shell": False, "allow_pickle": False, "weights_only": True, "verify": True}


def faults(source: str) -> list[str]:
    """What the source does that it may not."""
    return [fault for node in ast.walk(ast.parse(source)) for fault in _faults_of(node)]


def _faults_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [a.name for a in node.names if a.name.split(".")[0] in MODULES]
    if isinstance(node, ast.ImportFrom):
        hidden = {("yaml", a.name) for a in node.names} - {("yaml", name.split(".")[1]) for name in YAML}
        bad = (node.module or "").split(".")[0] in MODULES or (node.module == "yaml" and hidden)
        return [node.module or ""] if bad else []
    if isinstance(node, ast.Dict):
        named = [(k.value, v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)]
        return [f"{name}=" for name, value in named if name in ONLY and not _is(value, ONLY[name])]
    return _faults_of_call(node) if isinstance(node, ast.Call) else []


def _faults_of_call(call: ast.Call) -> list[str]:
    name = ast.unparse(call.func)
    found = [f"{k.arg}=" for k in call.keywords if k.arg in ONLY and not _is(k.value, ONLY[k.arg])]
    if name in BUILTINS | CALLS or name.split(".")[-1] in METHODS:
        found.append(name)
    if name.startswith("yaml.") and name not in YAML:
        found.append(name)
    return found


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_walk_sees_every_room():
    assert {p.relative_to(ROOT).parts[0] for p in SOURCES} == set(FOLDERS)
    assert len(SOURCES) > 200


def test_no_file_of_ours_unpickles_evaluates_or_loads_code():
    found = {str(p.relative_to(ROOT)): faults(p.read_text(encoding="utf-8")) for p in SOURCES}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import cloudpickle as c",
        "from pickle import loads",
        "from joblib import load",
        "eval('1')",
        "exec(text)",
        "compile(text, '', 'exec')",
        "__import__(name)",
        "import yaml; yaml.load(text, yaml.Loader)",
        "import yaml; yaml.unsafe_load(text)",
        "from yaml import load",
        "torch.load(path)",
        "frame.to_pickle(path)",
        "pandas.read_pickle(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=given)",
        "options = {'trust_remote_code': True}",
        "requests.get(address, verify=False)",
    ],
)
def test_a_file_that_did_would_be_found(source):
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    ["model.eval()", "re.compile('a')", "yaml.safe_load(text)", "np.load(path, allow_pickle=False)", "load(path)"],
)
def test_what_is_allowed_is_not(source):
    assert not faults(source)

"""No module of the package imports itself in a circle, not even inside a function but for one."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import semcomm

ROOT = Path(semcomm.__file__).parent
LATER = {("semcomm.saving", "semcomm.pretrained")}
"""`SemanticSystem.from_pretrained` is `semcomm.from_pretrained`, which builds systems."""


def modules():
    names = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(tree):
    """What a module imports anywhere but for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


def test_there_is_no_circle():
    names = modules()
    packages = {name for name, path in names.items() if path.name == "__init__.py"}
    graph = {
        name: {
            one
            for one in imports(ast.parse(path.read_text(encoding="utf-8")))
            if one in names and one not in packages and (name, one) not in LATER
        }
        for name, path in names.items()
    }
    assert len(graph["semcomm.system"]) > 5
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)  # a CycleError names a circle


def test_every_file_is_small():
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert {name: lines for name, lines in lengths.items() if lines > 350} == {}
    assert (ROOT / "system.py").read_text(encoding="utf-8").count("\n") < 150

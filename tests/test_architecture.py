"""The rules of the house that a machine can check: sizes, side effects, randomness. Import arrows: `lint-imports`."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("sktart").submodule_search_locations[0])
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = ["sktart", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Full names of all that a file imports, at any depth; for ``from a import b`` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_only_validation_touches_the_checking_machinery_of_scikit_learn():
    users = [
        module_name(path)
        for path in SOURCES
        if any(name.startswith("sklearn.utils.validation") for name in imports(path))
    ]
    assert users == ["sktart.estimators._validation"]


def lines_of_code(tree):
    """Lines of a module that hold anything but docstrings, comments and blanks."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    }
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and id(node) not in docstrings:
            end = node.body[0].lineno if hasattr(node, "body") else node.end_lineno + 1
            lines |= set(range(node.lineno, end))
    return len(lines)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_file_has_at_most_300_lines_of_code(path):
    assert lines_of_code(ast.parse(path.read_text(encoding="utf-8"))) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_function_is_at_most_50_lines_below_its_docstring(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            first = node.body[0].end_lineno if documented else node.lineno
            assert node.end_lineno - first <= 50, f"{node.name} is too long"


def calls(tree):
    """Dotted names of all calls, with whether they stand in a ``with torch.random.fork_rng(...)``."""

    def visit(node, forked):
        if isinstance(node, ast.With):
            forked = forked or any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), forked
        for child in ast.iter_child_nodes(node):
            yield from visit(child, forked)

    return visit(tree, False)


def global_draws(source):
    """Calls that use or seed a global random generator."""
    makers = {"np.random.RandomState", "np.random.default_rng", "np.random.Generator"}
    names = ("rand", "randn", "randint", "randperm", "normal", "multinomial", "bernoulli")
    draws = {f"torch.{name}" for name in names}
    tree = ast.parse(source)
    found = [
        name
        for name, forked in calls(tree)
        if (name.startswith(("np.random.", "numpy.random.")) and name not in makers)
        or (name in ("torch.manual_seed", "torch.seed", "torch.cuda.manual_seed") and not forked)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in draws:
            given = {keyword.arg for keyword in node.keywords}
            # None is a ** of options that more than one draw shares.
            found += [] if given & {"generator", None} else [ast.unparse(node.func)]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name == "random"]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_global_random_generator_is_used(path):
    assert global_draws(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source, found",
    [
        ("np.random.rand(3)", ["np.random.rand"]),
        ("np.random.default_rng(0)", []),
        ("torch.manual_seed(0)", ["torch.manual_seed"]),
        ("with torch.random.fork_rng(devices=[]):\n    torch.manual_seed(0)", []),
        ("torch.randn(3)", ["torch.randn"]),
        ("torch.randn(3, generator=g)", []),
        ("import random", ["random"]),
    ],
)
def test_the_search_for_global_generators_finds_them(source, found):
    assert global_draws(source) == found


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


STATE = """
import logging, os, random, sys, threading, warnings

def state():
    return [
        dict(os.environ), list(warnings.filters), random.getstate(), list(sys.path),
        logging.root.level, list(logging.root.handlers), sorted(logging.root.manager.loggerDict),
        threading.active_count(),
    ]
"""


def test_import_leaves_everything_alone():
    code = """
before = state()
import sktart
assert state() == before
heavy = {"torch", "sklearn", "transformers", "numpy", "scipy", "skorch", "sentence_transformers", "pandas"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    run_python(STATE + code)


def test_using_the_estimator_leaves_everything_alone():
    code = """
import numpy, torch, skorch, scipy.special, safetensors.torch, sklearn.utils.class_weight

def draws():
    generators = torch.get_rng_state().tolist(), numpy.random.get_state()[1].tolist()
    return generators, torch.get_num_threads(), torch.is_grad_enabled()

before = state()[:3], draws()
from sktart import TartReasoner
TartReasoner().fit([[0.0], [1.0]], [0, 1]).predict([[0.5]])
assert before == (state()[:3], draws())
"""
    run_python(STATE + code)


def test_import_is_quick():
    code = "import time; began = time.perf_counter(); import sktart; print(time.perf_counter() - began)"
    assert min(float(run_python(code)) for _ in range(3)) < 1


def test_at_most_six_modules_stand_beside_the_folders():
    assert len(list(PACKAGE.glob("*.py"))) <= 6


def test_public_names_are_there_and_unknown_ones_are_named():
    import sktart

    names = {
        "AutoTartClassifier",
        "InfluenceDisplay",
        "LabelledFolds",
        "Prompt",
        "TartClassifier",
        "TartReasoner",
        "TartTransformer",
    }
    names |= {"import_tart", "list_checkpoints", "load", "load_checkpoint", "save", "__version__"}
    assert names == set(sktart.__all__)
    assert set(sktart.__all__) <= set(dir(sktart))
    for name in sktart.__all__:
        assert getattr(sktart, name) is not None
    with pytest.raises(AttributeError, match="module 'sktart' has no attribute 'TartRegressor'; it has"):
        sktart.TartRegressor  # noqa: B018

"""The import order of the rooms, read from the source text of the installed package."""

import ast
import graphlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOMS = (
    "stacking", "structures", "catalog", "imaging", "micrograph", "columns", "matching",
    "hypotheses", "report", "explorer", "cli",
)  # fmt: skip
LEAVES = ("errors", "conventions", "provenance")
UPWARD = {
    ("matching", "MotifMap.save", "report"),
    ("matching", "MotifMap.report", "report"),
    ("catalog", "Motif.templates", "imaging"),
}
ONLY_IN = {
    "abtem": "stackmotif.imaging",
    "rsciio": "stackmotif.micrograph.reading",
    "zarr": "stackmotif.imaging",
}
LAZY = {
    "abtem", "ase", "dask", "hyperspy", "matplotlib", "moyopy", "networkx", "pandas", "pymatgen",
    "rsciio", "skimage", "spglib", "torch", "zarr",
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import statement: who, where in it, what, and when it runs."""

    module: str
    scope: str
    target: str
    typing_only: bool

    @property
    def top_level(self) -> bool:
        """Whether the statement runs when the module is imported."""
        return not self.scope and not self.typing_only


class Collector(ast.NodeVisitor):
    """Collect the imports of one module, relative ones and `import_module("...")` included."""

    def __init__(self, module: str, *, is_package: bool) -> None:
        self.module = module
        self.package = module if is_package else module.rpartition(".")[0]
        self.scope: list[str] = []
        self.in_function = False
        self.typing_only = False
        self.found: list[Import] = []

    def add(self, target: str) -> None:
        scope = ".".join(self.scope) if self.in_function else ""
        self.found.append(Import(self.module, scope, target, self.typing_only))

    def visit_ClassDef(self, node):
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_FunctionDef(self, node):
        outer = self.in_function
        self.scope.append(node.name)
        self.in_function = True
        self.generic_visit(node)
        self.in_function = outer
        self.scope.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node):
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)
            return
        self.typing_only = True
        for child in node.body:
            self.visit(child)
        self.typing_only = False
        for child in node.orelse:
            self.visit(child)

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name)

    def visit_ImportFrom(self, node):
        base = node.module or ""
        if node.level:
            anchor = self.package.split(".")
            anchor = anchor[: len(anchor) - node.level + 1]
            base = ".".join([*anchor, *([base] if base else [])])
        for alias in node.names:
            self.add(f"{base}.{alias.name}")

    def visit_Call(self, node):
        name = ast.unparse(node.func).rpartition(".")[2]
        first = node.args[0] if node.args else None
        if isinstance(first, ast.JoinedStr) and first.values:
            first = first.values[0]
        if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
            self.add(str(first.value).rstrip("."))
        self.generic_visit(node)


def imports_of(source: str, module: str, *, is_package: bool = False) -> list[Import]:
    collector = Collector(module, is_package=is_package)
    collector.visit(ast.parse(source))
    return collector.found


def room_of(dotted: str) -> str | None:
    """The room or leaf of a dotted name; '' for the root package, None for anything else."""
    parts = dotted.split(".")
    if parts[0] != "stackmotif":
        return None
    known = len(parts) > 1 and parts[1] in (*ROOMS, *LEAVES)
    return parts[1] if known else ""


def breaks_order(item: Import) -> bool:
    """Whether a room reaches for a later room or for the root's names, or a leaf for a room."""
    home, target = room_of(item.module), room_of(item.target)
    if target is None or home == target or target in LEAVES:
        return False
    if not home:
        return item.module != "stackmotif.__main__" or target != "cli"
    if target == "":
        return item.target != "stackmotif.__version__"
    if home in LEAVES:
        return True
    if ROOMS.index(target) < ROOMS.index(home):
        return False
    pairs = {(a, c) for a, _, c in UPWARD}
    if item.typing_only:
        return (home, target) not in pairs
    return (home, item.scope, target) not in UPWARD


def misplaced(item: Import) -> bool:
    """Whether a package with one home is imported elsewhere."""
    home = ONLY_IN.get(item.target.split(".")[0])
    return home is not None and not f"{item.module}.".startswith((f"{home}.", f"{home}_"))


def outside_numpy(item: Import) -> bool:
    """Whether `stacking` imports anything but numpy, the standard library and its own package."""
    top = item.target.split(".")[0]
    allowed = {"numpy", "stackmotif", *sys.stdlib_module_names}
    return room_of(item.module) == "stacking" and top not in allowed


def eager(item: Import) -> bool:
    """Whether a heavy package is loaded as soon as the module is imported."""
    return item.top_level and item.target.split(".")[0] in LAZY


def package_folder() -> Path:
    spec = importlib.util.find_spec("stackmotif")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def module_name(path: Path) -> str:
    parts = path.relative_to(package_folder().parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def modules() -> dict[str, list[Import]]:
    files = sorted(package_folder().rglob("*.py"))
    return {
        module_name(path): imports_of(
            path.read_text(encoding="utf-8"), module_name(path), is_package=path.stem == "__init__"
        )
        for path in files
    }


@pytest.fixture(scope="module")
def imports(modules) -> list[Import]:
    return [item for found in modules.values() for item in found]


def describe(items: list[Import]) -> list[str]:
    return [f"{i.module}{':' + i.scope if i.scope else ''} imports {i.target}" for i in items]


def test_every_room_is_there_and_no_other(modules):
    found = {name.split(".")[1] for name in modules if name.count(".")}
    assert found == {*ROOMS, *LEAVES, "__main__"}


def test_rooms_import_only_rooms_before_them(imports):
    in_rooms = [item for item in imports if item.module != "stackmotif"]
    assert describe([item for item in in_rooms if breaks_order(item)]) == []


def test_root_loads_no_room(imports):
    root = [item for item in imports if item.module == "stackmotif" and item.top_level]
    assert describe([item for item in root if room_of(item.target) is not None]) == []


def test_upward_calls_are_used(imports):
    """A permission that nothing uses any more has to go."""
    used = {(room_of(i.module), i.scope, room_of(i.target)) for i in imports}
    assert used >= UPWARD


def test_no_cycle_between_modules(modules):
    graph = {
        name: {resolve(i.target, modules) for i in found if i.top_level} - {None, name}
        for name, found in modules.items()
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def resolve(target: str, modules: dict[str, list[Import]]) -> str | None:
    """The module an imported dotted name stands for: itself, or the one that holds the name."""
    if target in modules:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in modules and parent != "stackmotif" else None


def test_packages_with_one_home(imports):
    assert describe([item for item in imports if misplaced(item)]) == []


def test_stacking_needs_numpy_only(imports):
    assert describe([item for item in imports if outside_numpy(item)]) == []


def test_heavy_packages_are_imported_inside_functions(imports):
    assert describe([item for item in imports if eager(item)]) == []


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (breaks_order, "stackmotif.stacking.word", "from stackmotif.catalog import Motif"),
        (breaks_order, "stackmotif.stacking.word", "def f():\n    from stackmotif import report"),
        (breaks_order, "stackmotif.columns.fit", "from ..matching import MotifMap"),
        (breaks_order, "stackmotif.columns.fit", "from stackmotif import Word"),
        (breaks_order, "stackmotif.columns.fit", "import_module('stackmotif.report')"),
        (breaks_order, "stackmotif.errors", "import stackmotif.stacking"),
        (
            breaks_order,
            "stackmotif.matching.motifmap",
            "class MotifMap:\n    def load(self):\n        import stackmotif.report",
        ),
        (misplaced, "stackmotif.report.page", "def f():\n    import abtem.core"),
        (misplaced, "stackmotif.micrograph.model", "from rsciio import tiff"),
        (misplaced, "stackmotif.micrograph.model", "def f(x):\n    import_module(f'rsciio.{x}')"),
        (misplaced, "stackmotif.matching.store", "import zarr"),
        (outside_numpy, "stackmotif.stacking.word", "from scipy import stats"),
        (eager, "stackmotif.report.page", "import matplotlib.pyplot as plt"),
        (eager, "stackmotif.report.page", "class A:\n    import torch"),
    ],
)
def test_a_breach_is_seen(rule, module, source):
    assert [rule(item) for item in imports_of(source, module)] == [True]


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (breaks_order, "stackmotif.cli.main", "from stackmotif import __version__"),
        (breaks_order, "stackmotif.matching.rows", "from stackmotif.columns import Columns"),
        (breaks_order, "stackmotif.matching.rows", "from . import tables"),
        (
            breaks_order,
            "stackmotif.matching.motifmap",
            "class MotifMap:\n    def save(self):\n        from stackmotif import report",
        ),
        (misplaced, "stackmotif.micrograph.reading", "import rsciio"),
        (misplaced, "stackmotif.imaging.library.store", "import zarr"),
        (eager, "stackmotif.report.page", "def f():\n    import torch"),
        (eager, "stackmotif.report.page", "if TYPE_CHECKING:\n    import torch"),
    ],
)
def test_a_right_import_passes(rule, module, source):
    assert [rule(item) for item in imports_of(source, module)] == [False]

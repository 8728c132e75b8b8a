"""Imports point down the layers of the design, and heavy packages stay out until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lightemma"

# Lowest first. A module may import from its own layer and from those below it.
LAYERS = [
    {
        "agents",
        "bounded_yaml",
        "boxes",
        "camera",
        "config_files",
        "direct_http",
        "errors",
        "failures",
        "files",
        "frame",
        "garbage",
        "kinematics",
        "label_rows",
        "medoid",
        "observed_facts",
        "outside_text",
        "paper_tables",
        "peak_memory",
        "plugins",
        "process_identity",
        "protocol",
        "provider_errors",
        "redaction",
        "scene_facts",
        "steps",
        "table_files",
        "thinking",
    },
    {"records", "run_folder"},
    {"simulation"},
    {"data", "prompts", "parsing", "backends", "serving"},
    {"evaluation"},
    {"calls"},
    {"experts", "planners", "probes"},
    {"executors"},
    {"sessions"},
    {"report", "closed_loop", "preflight", "worldmodel"},
    {"comparing", "expert_bench"},
    {"distillation"},
    {"notebook_html"},
    {"api", "cli", "__main__", "__version__"},
]
# Beyond the layers: pieces of one layer that must not know each other.
FORBIDDEN = {
    "backends": {"data", "prompts", "parsing", "planners"},
    "serving": {"data", "prompts", "parsing", "backends"},
    "simulation": {"run_folder"},
    "prompts": {"data", "backends", "parsing", "planners"},
    "parsing": {"data", "backends", "prompts"},
    "evaluation": {"planners", "probes", "backends", "prompts", "data", "calls", "sessions", "executors", "simulation"},
    "report": {"planners", "probes", "backends", "prompts", "data", "sessions", "closed_loop"},
}
HEAVY = {
    "torch",
    "transformers",
    "openai",
    "anthropic",
    "google",
    "matplotlib",
    "nuscenes",
    "pandas",
    "PIL",
    "cv2",
    "ray",
    "av",
    "pyarrow",
    "panda3d",
    "trl",
    "peft",
    "datasets",
}


def layer_of(part: str) -> int:
    for level, names in enumerate(LAYERS):
        if part in names:
            return level
    raise AssertionError(f"lightemma/{part} is in no layer; add it to LAYERS where DESIGN puts it")


def imported(path: Path) -> set[str]:
    """Parts of the package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "lightemma" else [f"lightemma.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("lightemma.")}
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    wrong = {other for other in imported(path) - {part} if layer_of(other) > layer_of(part)}
    assert not wrong, f"{path.name} ({part}) imports {sorted(wrong)}, which are above it"
    assert not imported(path) & FORBIDDEN.get(part, set())


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_imported(path: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, anywhere in it: in functions and for the type checker too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            places = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {place if place in known else node.module for place in places}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & known) - {dotted(path)}


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other round about."""
    below: dict[str, set[str]] = {}
    for start in imports:
        reached: set[str] = set()
        left = [start]
        while left:
            for other in imports[left.pop()] - reached:
                reached.add(other)
                left.append(other)
        below[start] = reached
    found = {
        tuple(sorted(other for other in imports if other in below[name] and name in below[other])) for name in imports
    }
    return [list(group) for group in sorted(found) if group]


def test_no_files_import_each_other_in_a_circle():
    modules = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    imports = {name: files_imported(path, set(modules)) for name, path in modules.items()}
    assert sum(map(len, imports.values())) > 1000, "the imports are read"
    assert circles(imports) == []


def test_a_circle_would_be_found():
    imports = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}
    assert circles(imports) == [["b", "c"]]


def test_evaluation_never_loads_planners_or_backends():
    code = (
        "import sys, lightemma.evaluation.comparison, lightemma.report.page;"
        "print([m for m in sys.modules if m.startswith(('lightemma.planners', 'lightemma.backends'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Imports go downward only, measured from the source of every module."""

import ast
from pathlib import Path

import pytest

import cs_research

PACKAGE = Path(cs_research.__file__).parent
# From the ground up. Modules on one line are siblings, which never import each other.
LAYERS = (
    {"errors", "weeks", "numbers", "docpage"},
    {"definitions", "simulate", "spark"},
    {"month_state"},
    {"ingest", "engine"},
    {"scorecards", "privacy"},
    {"scores"},
    {"history", "fields", "movement"},
    {"alerts", "actions"},
    {"tables", "finding"},
    {"studies"},
    {"runs"},
    {"steps"},
    {"run"},
    {"display"},
    {"figures"},
    {"report"},
    {"provenance", "keeping", "differences"},
    {"monthly"},
    {"pipeline"},
    {"weekly", "calibrate", "proof", "bench", "doctor", "notify"},
    {"cli"},
    {"__main__"},
)
NAMES = [name for layer in LAYERS for name in layer]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
# The front door hands out open_run without importing it before it is asked for.
EXCEPTIONS = {("__init__", "run")}
MODULES = sorted(path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    return module.parts[0]


def imported_parts(module: Path) -> set[str]:
    """The parts of the package that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / module).with_suffix(".py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively: write the whole name"
            if node.module == "cs_research":
                found |= {alias.name for alias in node.names}
            elif (node.module or "").startswith("cs_research."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("cs_research.")}
    return found


def test_every_module_has_its_place():
    assert {part_of(module) for module in MODULES} - {"__init__"} == set(HEIGHT)
    assert len(NAMES) == len(HEIGHT), "a part stands in two layers"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_downward_only(module):
    part = part_of(module)
    upward = {other for other in imported_parts(module) if other != part and (part, other) not in EXCEPTIONS
              and HEIGHT.get(other, -1) >= HEIGHT.get(part, -1)}
    assert not upward, f"{module} may not import {', '.join(sorted(upward))}"


def test_the_simulator_shares_no_code_with_what_it_tests():
    used = {other for module in MODULES if part_of(module) == "simulate" for other in imported_parts(module)}
    assert used <= {"simulate", "errors"}


@pytest.mark.parametrize("part", sorted(set(HEIGHT) - {"__main__", "errors"}))
def test_every_layer_begins_by_saying_what_it_is(part):
    path = PACKAGE / f"{part}.py" if (PACKAGE / f"{part}.py").exists() else PACKAGE / part / "__init__.py"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path.name} has no docstring"

"""The arrows between the parts: notebooks to mailer to store, portal to store, and nobody to the portal."""

import ast
from pathlib import Path

import pytest

from store.places import ROOT

PORTAL = {path.stem for path in ROOT.glob("portal*.py")}
OURS = {"store", "mailer", "notebooks", "views", "static", "tests", "benchmarks"} | PORTAL
MAY_IMPORT = {"store": {"store"}, "mailer": {"mailer", "store"}, "notebooks": {"notebooks", "mailer", "store"},
              "portal.py": {"store"} | PORTAL - {"portal"},
              "portal_api.py": {"portal_fields", "portal_site", "store"},
              "portal_ops.py": {"portal_fields", "portal_site", "store"}, "portal_fields.py": {"portal_site", "store"},
              "portal_pages.py": {"portal_server", "portal_site", "store"}, "portal_processes.py": set(),
              "portal_server.py": {"store"},
              "portal_site.py": {"portal_server", "portal_words", "store"}, "portal_words.py": {"store"}}  # fmt: skip


def files_of(part: str) -> list[Path]:
    place = ROOT / part
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The first names of everything that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level or (node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_lies_below_it(part):
    files = files_of(part)
    wrong = {
        str(path.relative_to(ROOT)): found for path in files if (found := imported(path) & OURS - MAY_IMPORT[part])
    }
    assert files
    assert wrong == {}


def test_the_order_in_which_records_modules_import_each_other_has_no_circle():
    arrows = {path.stem: set() for path in files_of("store") if path.parent.name == "store"}
    for path in files_of("store"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module == "store" and path.stem in arrows:
                arrows[path.stem] |= {alias.name for alias in node.names} & arrows.keys()
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("store.") and path.stem in arrows:
                arrows[path.stem].add(node.module.split(".")[1])
    while free := {name for name, needs in arrows.items() if not needs & arrows.keys()}:
        arrows = {name: needs for name, needs in arrows.items() if name not in free}
    assert arrows == {}


def test_pages_are_data_and_hold_no_module():
    assert [path for part in ("views", "static") for path in (ROOT / part).rglob("*.py")] == []


def test_no_name_says_nothing():
    vague = ("utils", "util", "helpers", "helper", "common", "manager", "service", "misc")
    assert [p for part in MAY_IMPORT for p in files_of(part) if p.stem in vague] == []


def test_no_file_is_longer_than_400_lines():
    files = [path for part in (*MAY_IMPORT, "benchmarks") for path in files_of(part)]
    assert {path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400} == set()

"""The layers: cli → edgefaas → {router, sandbox}; the leaves import no sibling."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "sandbox": {"sandbox"},
    "router": {"router"},
    "edgefaas": {"edgefaas", "router", "sandbox"},
    "cli": {"cli", "edgefaas", "router", "sandbox"},
}
FORBIDDEN_NAMES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "base",
    "types",
    "manager",
    "select",
    "http",
    "queue",
}


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_no_package_imports_upwards_or_sideways(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        upwards = imported_packages(path) & MAY_IMPORT.keys() - MAY_IMPORT[package]
        assert not upwards, f"{path.relative_to(ROOT)} imports {upwards}"


def test_only_the_sandbox_imports_wasmtime_and_ctypes() -> None:
    for package in ("router", "edgefaas", "cli"):
        for path in (ROOT / package).rglob("*.py"):
            assert not imported_packages(path) & {"wasmtime", "ctypes"}, path.relative_to(ROOT)


def test_modules_are_named_for_what_they_know() -> None:
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            assert path.stem not in FORBIDDEN_NAMES, path.relative_to(ROOT)


def test_every_folder_of_tests_is_a_package() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert (path.parent / "__init__.py").exists(), path.parent.relative_to(ROOT)

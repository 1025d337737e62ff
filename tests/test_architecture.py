"""The house rules that a machine can check: import directions, sizes, and what may be in the repository."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["framework", "models", "calibration", "empirics", "exacthat", "benchmarks"]
MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 70

# The expressions do not match their own text.
MACHINE_PATH = re.compile(rb"(?<![\w.)\]-])/(?:work|root|home/\w+|tmp/brief)/")
PACKAGE_REGISTRY = re.compile(
    rb"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|(?:extra-)?index-url[ =]|trusted-host[ =]"
)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in `folder` on its own pyproject.toml."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def python_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def tracked_files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_imports_run_one_way():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("models", "framework", True),
        ("exacthat", "models", True),
        ("framework", "models", False),
        ("calibration", "models", False),
        ("models", "empirics", False),
        ("empirics", "exacthat", False),
    ],
)
def test_contract_tells_allowed_from_forbidden_imports(tmp_path, importer, imported, allowed):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(f"import {imported}\n" if package == importer else "")
    result = lint_imports(tmp_path)
    assert (result.returncode == 0) == allowed, result.stdout + result.stderr
    assert allowed or f"{importer} -> {imported}" in result.stdout


def test_files_are_short():
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert lengths, "no Python file was found in the packages"
    assert {path: n for path, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_functions_are_short():
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert too_long == []


@pytest.mark.parametrize(
    "pattern", [MACHINE_PATH, PACKAGE_REGISTRY], ids=["machine paths", "package registries"]
)
def test_repository_names_no_machine(pattern):
    found = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in tracked_files()
        if (match := pattern.search(path.read_bytes()))
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed_and_described(package):
    assert (ROOT / package / "py.typed").is_file()
    assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8")))


def test_citation_has_the_version_of_the_distribution():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")

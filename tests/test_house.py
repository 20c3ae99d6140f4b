"""The house rules that a machine can hold: import direction, light start, names, privacy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "labelers": set(),
    "training": set(),
    "data_contracts": set(),
    "pipeline": {"labelers", "training", "data_contracts"},
    "flows": {"labelers", "training", "data_contracts", "pipeline"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    assert modules(package)
    for module in modules(package):
        assert not imported(module) & forbidden, module


@pytest.mark.parametrize("package", ["labelers", "training", "data_contracts", "pipeline"])
def test_only_flows_knows_prefect(package: str) -> None:
    for module in modules(package):
        assert "prefect" not in imported(module), module


def test_labelling_never_imports_torch_and_needs_no_lake() -> None:
    code = (
        "import sys; from labelers import RuleLabeler; RuleLabeler().label('No effusion.');"
        "assert not {'torch', 'deltalake', 'prefect', 'pipeline'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_package_is_imported_for_nothing() -> None:
    code = (
        "import sys, labelers, training, data_contracts, pipeline, flows;"
        "assert not {'torch', 'spacy', 'prefect', 'pandas', 'great_expectations'}"
        " & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_is_named_for_nothing() -> None:
    grab_bags = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
    for package in MAY_IMPORT:
        for module in modules(package):
            assert module.stem not in grab_bags, module


def test_nothing_is_unpickled() -> None:
    for package in MAY_IMPORT:
        for module in modules(package):
            assert not {"pickle", "joblib", "dill"} & imported(module), module
            text = module.read_text()
            assert "allow_pickle=True" not in text, module
            assert "weights_only=False" not in text, module

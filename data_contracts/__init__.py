"""What each table is and must satisfy: pyarrow schemas and Great Expectations suites.

`check` holds a table to its suite and splits it into kept and rejected rows, `ContractBroken` is
what it raises when the table must not be committed, `write_result_page` shows what was found.
The names are imported when first used; Great Expectations by the first check of a table with rows.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_contracts.contract import Checked, ContractBroken, check
    from data_contracts.result_page import write_result_page
    from data_contracts.suite_file import SuiteError

__all__ = ["Checked", "ContractBroken", "SuiteError", "check", "write_result_page"]

_MODULES = {
    "Checked": "contract",
    "ContractBroken": "contract",
    "SuiteError": "suite_file",
    "check": "contract",
    "write_result_page": "result_page",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

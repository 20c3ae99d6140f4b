"""Rows held to their contract on the way into the lake."""

from collections.abc import Sequence

import pyarrow as pa

from data_contracts import schemas
from data_contracts.contract import Checked, ContractBroken, check
from data_contracts.result_page import write_result_page
from pipeline.lake_run import Run
from pipeline.user_error import UserError


def checked(
    run: Run,
    name: str,
    rows: pa.Table,
    columns: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Checked:
    """Return the rows that keep the contract of table `name` and those that do not.

    Raises
    ------
    UserError
        The contract is broken as a whole: nothing must be committed. The message names the rule
        and a page, readable offline, with the result of every rule.
    """
    try:
        result = check(name, rows, columns, without)
    except ContractBroken as error:
        folder = run.lake.state_folder / "contracts"
        page = write_result_page(name, error.results, folder, run.run_id)
        raise UserError(f"{error}; nothing was committed; see {page}") from None
    run.contracts.held(
        name, checked=rows.num_rows, kept=result.kept.num_rows, rules=len(result.results)
    )
    return result


def whole(run: Run, name: str, rows: pa.Table) -> pa.Table:
    """Return the rows of a table that RadSim itself computes, in its declared columns.

    Raises
    ------
    UserError
        A row breaks the contract; no row of such a table may be left out.
    """
    rows = rows.select(schemas.FIXED[name].names)
    result = checked(run, name, rows)
    if result.rejected.num_rows:
        raise UserError(
            f"{result.rejected.num_rows:,} of {rows.num_rows:,} rows computed for table {name} "
            f"break its contract: {result.rejected['reason'][0].as_py()} (rule "
            f"{result.rejected['rule'][0].as_py()}); nothing was committed"
        )
    return result.kept

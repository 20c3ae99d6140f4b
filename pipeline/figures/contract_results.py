"""What the contracts of tables said of the rows of each run."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.lake_run import CONTRACTS
from pipeline.run_history import FinishedRun


def contract_results(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return a row a run and table that was held to a contract, the newest run first.

    Columns: when, stage, table, rules (of its contract), checked, kept, quarantined, and by rule
    (rows that each rule refused, in words; a row counts once, under the first that it broke), run.
    What readers refuse never comes to the contract, so `quarantined` may exceed checked less kept.
    Runs of a RadSim that did not note this are left out.
    """
    rows: list[dict[str, Any]] = []
    for run in reversed(runs):
        told = run.parameters.get(CONTRACTS)
        for table, result in told.items() if isinstance(told, dict) else ():
            refused = sorted(result["refused"].items(), key=lambda item: -item[1])
            rows.append(
                {
                    "when": run.at,
                    "stage": run.stage,
                    "table": table,
                    "rules": result["rules"],
                    "checked": result["checked"],
                    "kept": result["kept"],
                    "quarantined": sum(result["refused"].values()),
                    "by rule": ", ".join(f"{rule} {count:,}" for rule, count in refused),
                    "run": run.run_id[:8],
                }
            )
    return pd.DataFrame(rows)

"""Decisions on models: how one is written down, made by hand, and shown."""

from typing import Any

import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.local_account import local_account
from pipeline.models import CURRENT, current_model, decisions, models_in_order
from pipeline.settings import Settings
from pipeline.user_error import UserError


def write_decision(run: Run, model: dict[str, Any], decision: dict[str, Any]) -> None:
    """Append a decision on a model (columns of `schemas.MODEL_DECISIONS`) to its table."""
    made = decisions(run.lake)
    row = {
        "decision_no": made[-1]["decision_no"] + 1 if made else 1,
        "model_id": model["model_id"],
        "model_digest": model["content_hash"],
        **decision,
    }
    bare = [field for field in schemas.MODEL_DECISIONS if field not in schemas.PROVENANCE]
    table = pa.Table.from_pylist([row], schema=pa.schema(bare))
    stamped = run.stamped(table, model["path"], model["content_hash"])
    run.append("model_decisions", whole(run, "model_decisions", stamped))


def make_current(settings: Settings, model_id: str) -> str:
    """Make a model current by hand, whatever the gate said; return who did it, for the record.

    Raises
    ------
    UserError
        The lake has no such model.
    """
    with Run(Lake.of(settings), "gate", {"by_hand": model_id}) as run:
        models = {model["model_id"]: model for model in models_in_order(run.lake)}
        if model_id not in models:
            raise UserError(
                f"{run.lake.root} has no model {model_id!r}; its models are "
                f"{', '.join(models) or 'none yet'}"
            )
        who = local_account()
        decision = {"verdict": CURRENT, "decided_by": "hand", "who": who, "reason": "by hand"}
        write_decision(run, models[model_id], decision)
        run.commit({"decided": 1})
    return who


def model_table(lake: Lake) -> list[dict[str, Any]]:
    """Return a row a model as it is shown, newest last, the current one marked."""
    models = models_in_order(lake)
    current = current_model(lake)["model_id"] if models else None
    last = {made["model_id"]: made for made in decisions(lake)}
    return [
        {
            "model": model["model_id"],
            "current": model["model_id"] == current,
            "manifest": model["manifest_version"],
            "trained": f"{model['committed_at']:%Y-%m-%d %H:%M}",
            "seed": model["seed"],
            "last decision": last[model["model_id"]]["verdict"]
            if model["model_id"] in last
            else "none yet",
        }
        for model in models
    ]


def decision_table(lake: Lake, last: int | None = None) -> list[dict[str, Any]]:
    """Return a row a decision as it is shown, oldest first; the `last` ones."""
    made = decisions(lake)
    return [
        {
            "at": f"{row['committed_at']:%Y-%m-%d %H:%M}",
            "model": row["model_id"],
            "verdict": row["verdict"],
            "by": row["who"] or row["decided_by"],
            "against": row["compared_with"],
            "manifest": row["manifest_version"],
            "measure": row["measure"],
            "value": row["value"],
            "current's": row["compared_value"],
            "difference": difference_text(row),
            "tolerance": row["tolerance"],
            "queries": row["n_queries"],
            "reason": row["reason"],
        }
        for row in (made if last is None else made[-last:])
    ]


def difference_text(decision: dict[str, Any]) -> str | None:
    """Return the paired difference of a decision with its interval, None where it has none."""
    if decision.get("difference") is None:
        return None
    return f"{decision['difference']:+.3f} [{decision['low']:+.3f}, {decision['high']:+.3f}]"

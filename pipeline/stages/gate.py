"""Gate: whether the newest model becomes the current one."""

from typing import Any

from pipeline.evaluation_truth import judged_truth
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifest_images import manifest_images
from pipeline.model_decisions import decision_table, difference_text, write_decision
from pipeline.model_gate import judge
from pipeline.models import CURRENT, candidate_model, current_model, models_in_order
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent


def gate(settings: Settings, *, progress: Progress = silent, force: bool = False) -> StageSummary:
    """Decide on the newest model, if nothing is decided on it yet: current, or refused.

    Reads the manifest, embeddings and models; writes model_decisions. The candidate and the current
    model are compared on the same queries of the current manifest's evaluation split. The first
    model of a lake has nothing to be held against, nor has one that was trained again in its own
    place. `force` decides on the newest model anew.

    Raises
    ------
    UserError
        There is no model, or a judged image is not embedded by both.
    """
    with Run(Lake.of(settings), "gate", {"force": force}) as run:
        current = current_model(run.lake)
        candidate = models_in_order(run.lake)[-1] if force else candidate_model(run.lake)
        if candidate is None:
            return run.summary({}, notes=(f"{current['model_id']} is current; no candidate",))
        beside: dict[str, Any] = {}
        if candidate["model_id"] == current["model_id"]:
            decision: dict[str, Any] = {
                "verdict": CURRENT,
                "reason": "there is no other model to hold it against",
            }
        else:
            images = manifest_images(run.lake, settings)
            run.inputs["manifest"] = images.release.version
            truth = judged_truth(run, settings, images)
            judged, beside = judge(
                run.lake, candidate["model_id"], current["model_id"], truth, settings
            )
            decision = {
                "manifest_version": images.release.version,
                "manifest_digest": images.release.digest,
                "truth": settings.evaluate.truth,
                "split": settings.evaluate.split,
                **judged,
            }
        write_decision(run, candidate, {**decision, "decided_by": "gate"})
        counts = {"decided": 1, "made_current": int(decision["verdict"] == CURRENT)}
        run.commit(counts)
        notes = _notes(candidate["model_id"], current["model_id"], decision)
        other = difference_text(beside)
        if other:
            notes += (f"beside it, deciding nothing: {beside['measure']} {other}",)
        return run.summary(counts, notes=notes, figures={"decision": decision_table(run.lake, 1)})


def _notes(candidate: str, current: str, decision: dict[str, Any]) -> tuple[str, ...]:
    told = difference_text(decision)
    figures = f" ({decision['measure']} {told}, tolerance {decision['tolerance']})" if told else ""
    if decision["verdict"] == CURRENT:
        return (f"{candidate} is current: {decision['reason']}{figures}",)
    return (
        f"{candidate} is refused: {decision['reason']}{figures}",
        f"{current} stays current; `radsim models --make-current {candidate}` overrules",
    )

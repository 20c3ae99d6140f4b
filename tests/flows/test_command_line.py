"""The command line as a user meets it."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from pipeline import road
from pipeline.road import STAGES
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

SECRET = "Mrs Example has a large effusion"


def radsim(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


class StandInStages:
    """Stages that note how they were called; the one named `failing` raises `error`."""

    def __init__(self, failing: str = "", error: BaseException | None = None) -> None:
        self.failing = failing
        self.error = error
        self.calls: list[tuple[str, bool]] = []
        self.settings: Settings | None = None
        self.by_rule: set[str] = set()

    def __call__(self, name: str) -> road.Stage:
        def stage(
            settings: Settings,
            *,
            progress: Progress = silent,
            force: bool = False,
            by_rule: bool = False,
        ) -> StageSummary:
            self.calls.append((name, force))
            self.by_rule |= {name} if by_rule else set()
            self.settings = settings
            progress(1, 2, "rows")
            if name == self.failing:
                assert self.error is not None
                raise self.error
            return StageSummary(
                name, outcome="committed", counts={"in": 3, "kept": 3}, parts=("kept",)
            )

        return stage


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandInStages:
    monkeypatch.chdir(tmp_path)
    stand_in = StandInStages()
    monkeypatch.setattr(road, "stage", stand_in)
    return stand_in


def _fail(stages: StandInStages, name: str, error: BaseException) -> None:
    stages.failing, stages.error = name, error


# What is imported


def _imported(code: str) -> set[str]:
    """Return the packages that a fresh interpreter has imported after running the code."""
    script = f"{code}\nimport sys\nprint('|'.join(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in ran.stdout.splitlines()[-1].split("|")}


HELP = """
import sys
sys.argv = ["radsim", "--help"]
from flows.command_line import main
try:
    main()
except SystemExit:
    pass
"""


def test_help_pays_for_nothing_heavy() -> None:
    imported = _imported(HELP)
    heavy = {"torch", "spacy", "prefect", "great_expectations", "pandas", "deltalake", "pyarrow"}
    assert "typer" in imported
    assert not imported & (heavy | {"numpy", "pydantic"})


def test_help_takes_half_a_second_of_processor_time() -> None:
    """Processor time, since the wall's depends on what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(3):
        subprocess.run([sys.executable, "-c", HELP], capture_output=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used / 3 < 0.5


def test_help_lists_the_stages_in_their_order() -> None:
    shown = radsim("--help").output
    places = [shown.index(f" {name} ", shown.index("Stages, in the order")) for name in STAGES]
    assert places == sorted(places)


# Running stages


def test_run_goes_the_whole_road(stages: StandInStages) -> None:
    ran = radsim("run", "--set", "images.path=images")
    assert ran.exit_code == 0
    assert stages.calls == [(name, False) for name in STAGES]
    assert ran.stdout.splitlines()[:2] == ["ingest: committed, 0.0 s", "  3 in = 3 kept"]


def test_run_without_images_ends_with_labels_and_says_so(stages: StandInStages) -> None:
    ran = radsim("run")
    assert stages.calls == [("ingest", False), ("label", False), ("drift", False)]
    assert ran.stdout.splitlines()[-1].startswith("no images are named")


def test_run_from_a_stage_on(stages: StandInStages) -> None:
    assert radsim("run", "--from", "train", "--force").exit_code == 0
    assert stages.calls == [("train", True), ("embed", True), ("evaluate", True), ("gate", True)]


def test_the_road_trains_by_rule_and_a_person_when_they_say_so(stages: StandInStages) -> None:
    radsim("run", "--from", "train")
    assert stages.by_rule == {"train"}
    stages.by_rule.clear()
    radsim("train")
    radsim("run", "--from", "train", "--train")
    assert not stages.by_rule
    _fail(stages, "embed", OSError(28, "No space left on device"))
    assert "radsim run --from embed --train" in radsim("run", "--from", "train", "--train").stderr


def test_run_from_an_unknown_stage_names_the_stages(stages: StandInStages) -> None:
    ran = radsim("run", "--from", "trian")
    assert ran.exit_code == 1
    assert "the stages are ingest, label" in ran.stderr
    assert stages.calls == []


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_is_a_command(stages: StandInStages, name: str) -> None:
    assert radsim(name, "--lake", "elsewhere", "--set", "train.dim=4").exit_code == 0
    assert stages.calls == [(name, False)]
    assert stages.settings is not None
    assert stages.settings.lake.root == "elsewhere"
    assert stages.settings.train.dim == 4


def test_flags_of_ingest(stages: StandInStages) -> None:
    radsim(
        *("ingest", "--reports", "r.csv", "--format", "csv", "--id-column", "acc"),
        *("--text-column", "findings", "--text-column", "impression"),
        *("--patient-column", "mrn", "--time-column", "at"),
    )
    assert stages.settings is not None
    reports = stages.settings.reports
    assert str(reports.path) == "r.csv"
    assert (reports.format, reports.exam_id) == ("csv", "acc")
    assert reports.text == ["findings", "impression"]
    assert (reports.patient_id, reports.exam_time) == ("mrn", "at")


def test_flags_of_link_train_and_evaluate(stages: StandInStages) -> None:
    radsim("link", "--scheme", "nih14")
    assert stages.settings is not None
    assert stages.settings.manifest.scheme == "nih14"
    radsim("train", "--seed", 7)
    assert stages.settings.train.seed == 7
    radsim("evaluate", "--split", "val", "--truth", "gold", "--k", 5)
    judged = stages.settings.evaluate
    assert (judged.split, judged.truth, judged.k) == ("val", "gold", 5)


# Failing


def test_a_user_error_is_one_line_and_the_command_that_resumes(
    stages: StandInStages, lake_settings: Path
) -> None:
    _fail(stages, "link", UserError("no images belong to a labelled exam"))
    given = ["--config", str(lake_settings), "--set", "images.path=/images"]
    ran = radsim("run", *given)
    assert ran.exit_code == 1
    assert ran.stderr.splitlines() == [
        "error: no images belong to a labelled exam",
        f"to resume: radsim run --from link {' '.join(given)}",
    ]
    assert ran.stdout.splitlines()[-2].startswith("cache: ")


def test_the_command_of_a_stage_resumes_with_itself(stages: StandInStages) -> None:
    _fail(stages, "ingest", UserError("no such file"))
    ran = radsim("ingest", "--reports", "my reports.csv", "--force")
    assert ran.stderr.splitlines()[1] == (
        "to resume: radsim ingest --set 'reports.path=my reports.csv' --force"
    )


def test_a_full_disk_is_one_line(stages: StandInStages) -> None:
    _fail(stages, "label", OSError(28, "No space left on device", "lake/tables/labels"))
    ran = radsim("run")
    assert ran.stderr.splitlines()[0] == (
        "error: lake/tables/labels: the disk is full; make room and run again"
    )


def test_an_unforeseen_error_shows_no_message_and_no_traceback(stages: StandInStages) -> None:
    _fail(stages, "label", ValueError(SECRET))
    ran = radsim("run")
    assert ran.exit_code == 1
    assert ran.stderr.splitlines()[0].startswith("error: unexpected ValueError")
    assert SECRET not in ran.output
    assert "Traceback" not in ran.output


def test_debug_shows_the_traceback_without_local_variables(stages: StandInStages) -> None:
    _fail(stages, "label", ValueError("the message"))
    ran = radsim("run", "--debug", "--set", "lake.root=a-value-of-a-variable")
    assert "Traceback" in ran.stderr
    assert "ValueError: the message" in ran.stderr
    assert "a-value-of-a-variable" not in ran.stderr.partition("error:")[0]


def test_ctrl_c_is_a_clean_line_and_130(stages: StandInStages) -> None:
    _fail(stages, "label", KeyboardInterrupt())
    ran = radsim("run")
    assert ran.exit_code == 130
    assert ran.stderr.splitlines() == ["interrupted", "to resume: radsim run --from label"]


def test_a_typo_in_the_settings_file_is_named_with_its_line(stages: StandInStages) -> None:
    Path("radsim.toml").write_text("[train]\nbach_size = 3\n", encoding="utf-8")
    ran = radsim("train")
    assert ran.exit_code == 1
    assert ran.stderr == (
        "error: radsim.toml line 2: [train] bach_size is not a setting; "
        "did you mean 'batch_size'?\n"
    )


def test_a_missing_settings_file_is_named(stages: StandInStages) -> None:
    ran = radsim("run", "--config", "no.toml")
    assert ran.stderr == "error: no.toml: no such settings file; `radsim init` writes one\n"


# Settings files


def test_init_writes_settings_that_load_and_never_overwrites_unasked(
    stages: StandInStages,
) -> None:
    assert radsim("init").exit_code == 0
    assert radsim("train").exit_code == 0
    Path("radsim.toml").write_text("[train]\nseed = 3\n", encoding="utf-8")
    again = radsim("init")
    assert again.exit_code == 1
    assert again.stderr == "error: radsim.toml exists; --force overwrites it\n"
    assert Path("radsim.toml").read_text(encoding="utf-8") == "[train]\nseed = 3\n"
    assert radsim("init", "--force").exit_code == 0
    assert "[manifest]" in Path("radsim.toml").read_text(encoding="utf-8")


def test_init_in_a_folder_that_is_not_there(stages: StandInStages) -> None:
    assert "its folder does not exist" in radsim("init", "no/such/radsim.toml").stderr


def test_version() -> None:
    assert radsim("version").stdout == radsim("--version").stdout
    assert radsim("version").stdout.startswith("0.")


# The real stages, and commands without stages


def test_ingest_and_label_a_tiny_source(lake_settings: Path) -> None:
    first = radsim("ingest", "--config", lake_settings)
    assert first.exit_code == 0, first.stderr
    assert "  4 in = 3 new + 1 quarantined" in first.stdout
    labelled = radsim("label", "--config", lake_settings)
    assert labelled.exit_code == 0, labelled.stderr
    assert "  3 in = 3 labelled" in labelled.stdout
    again = radsim("ingest", "--config", lake_settings)
    assert "ingest: nothing changed" in again.stdout
    assert "\x1b" not in first.output + labelled.output
    assert "effusion" not in (first.output + labelled.output).replace("Pleural Effusion", "")


def test_label_a_file_without_a_lake_nor_torch(lake_settings: Path) -> None:
    folder = lake_settings.parent
    code = f"""
import sys
sys.argv = ["radsim", "label", "--reports", "renamed.csv", "--id-column", "acc", "--scheme",
            "nih14", "--out", "labels.parquet"]
import os
os.chdir({str(folder)!r})
text = open("reports.csv").read().replace("exam_id", "acc", 1).replace("E3,\\n", "")
open("renamed.csv", "w").write(text)
from flows.command_line import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    imported = _imported(code)
    assert "spacy" in imported
    assert not imported & {"torch", "prefect", "great_expectations"}
    labels = pq.read_table(folder / "labels.parquet").to_pylist()
    assert [row["exam_id"] for row in labels] == ["E1", "E2", "E4"]
    assert [row["Effusion"] for row in labels] == [0, 1, None]
    assert [row["Pneumonia"] for row in labels] == [-1, None, None]
    assert not (folder / "radsim-lake").exists()


def test_flags_of_file_labelling_need_a_file(stages: StandInStages) -> None:
    ran = radsim("label", "--out", "labels.parquet")
    assert ran.exit_code == 1
    assert "go with --reports FILE" in ran.stderr
    assert stages.calls == []


def test_explain_shows_mentions_assertions_cues_and_labels() -> None:
    ran = radsim("explain", "No effusion, but possible LLL pneumonia.")
    assert ran.exit_code == 0, ran.stderr
    assert "absent" in ran.stdout
    assert "possible" in ran.stdout
    assert "Pneumonia: uncertain" in ran.stdout


def test_explain_reads_standard_input() -> None:
    ran = CliRunner().invoke(app, ["explain", "-"], input="Large left pneumothorax.")
    assert "Pneumothorax: positive" in ran.stdout


def test_explain_names_the_schemes() -> None:
    ran = radsim("explain", "Normal.", "--scheme", "chexpert")
    assert ran.exit_code == 1
    assert "known: annarumma, chexpert14, nih14" in ran.stderr
    assert "chexpert14" in ran.stderr


def test_manifest_of_an_empty_lake(stages: StandInStages) -> None:
    ran = radsim("manifest")
    assert ran.exit_code == 1
    assert "run `radsim link` first" in ran.stderr


def test_similar_needs_a_model(stages: StandInStages) -> None:
    ran = radsim("similar", "E1")
    assert ran.exit_code == 1
    assert ran.stderr.startswith("error: the lake has no")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_console_script_runs() -> None:
    script = Path(sys.executable).with_name("radsim")
    ran = subprocess.run([script, "version"], capture_output=True, text=True, timeout=60)
    assert ran.stdout == radsim("version").stdout

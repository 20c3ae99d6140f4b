"""Every setting of the road, with its meaning and default.

Values come, first wins, from the command line, the environment (``RADSIM_TRAIN__SEED=7``), and one
TOML file; `pipeline.settings_file` reads that file and writes a commented example of it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


def _is_cron(expression: str) -> str:
    if expression and len(expression.split()) != 5:
        raise ValueError("a cron expression has five fields, such as '0 2 * * *'")
    return expression


def _as_texts(options: Any) -> Any:
    """Write an option's value as object stores take it: true, not True."""
    if not isinstance(options, dict):
        return options
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in options.items()
    }


def _as_place(value: Any) -> Any:
    """Keep an object store's URL as it is; what else is named is a path."""
    return Path(value) if isinstance(value, str) and "://" not in value else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LakeSettings(_Section):
    """Where working tables, manifests and models live."""

    root: str = Field(
        "radsim-lake", description="Folder or object-store URL (s3://...) of the lake."
    )
    storage_options: Annotated[dict[str, str], BeforeValidator(_as_texts)] = Field(
        default_factory=dict,
        repr=False,
        description="Options of the object store, as deltalake takes them; keep secrets in the "
        "environment instead.",
    )


class ReportSettings(_Section):
    """The report source and which of its columns mean what."""

    path: Annotated[Path | str | None, BeforeValidator(_as_place)] = Field(
        None,
        description="File or drop folder of reports, or the URL of a prefix (s3://...), whose "
        "credentials are the lake's.",
    )
    format: Literal["auto", "csv", "tsv", "parquet", "jsonl", "hl7", "fhir", "mimic", "openi"] = (
        Field("auto", description="Format of the source; auto decides by its ending.")
    )
    exam_id: str = Field("exam_id", description="Column of the exam (accession number).")
    text: list[str] = Field(
        ["text"], min_length=1, description="Column of the text, or one column a section, in order."
    )
    patient_id: str | None = Field(None, description="Column of the patient.")
    exam_time: str | None = Field(None, description="Column of the exam's date or time.")
    site: str | None = Field(None, description="Column of the site.")
    status: str | None = Field(None, description="Column of the status: final, amended, retracted.")


class LabelSettings(_Section):
    """What the rule labeler knows."""

    vocabulary: Path | None = Field(
        None,
        description="Folder of the site whose YAML files add to the package's vocabulary: "
        "findings, phrases, cues, headings.",
    )


class DriftSettings(_Section):
    """When the labels of new exams differ from those before them."""

    batch_days: int = Field(
        0,
        ge=0,
        description="The new batch by exam time: the last so many days. 0: the exams ingested "
        "since the last measurement of enough exams.",
    )
    reference_days: int = Field(
        365,
        ge=0,
        description="What it is held against: the exams of so many days before the middle of the "
        "batch, and those without a time; 0 for all others.",
    )
    least_exams: int = Field(
        200, ge=1, description="Exams on either side below which nothing is flagged."
    )
    psi: float = Field(
        0.1,
        gt=0,
        description="Population stability index of a class from which it is flagged, if chance "
        "does not explain it.",
    )
    prevalence_ratio: float = Field(
        2.0,
        gt=1,
        description="Factor between the positive shares from which a class is flagged, if chance "
        "does not explain it.",
    )


class LabelFileSettings(_Section):
    """A file of ready labels, a source beside reports; its states override the report's."""

    path: Path | None = Field(None, description="The label file.")
    format: Literal["nih", "chexpert", "mimic", "plain"] = Field(
        "plain", description="Whose layout it has; plain is exam_id and one column a class."
    )


class ImageSettings(_Section):
    """The radiographs, and which of them count."""

    path: Path | None = Field(None, description="Folder of DICOM, PNG or JPEG files.")
    list_file: Path | None = Field(
        None,
        description="CSV that says which file belongs to which exam, where the file itself cannot.",
    )
    list_format: Literal["nih", "chexpert", "mimic", "plain"] = Field(
        "plain", description="Whose layout the list has; plain is path, exam_id, patient_id, view."
    )
    views: list[str] = Field(["PA", "AP"], description="Views that are used.")
    keep_unknown_view: bool = Field(True, description="Use images that do not say their view.")
    modalities: list[str] = Field(["CR", "DX"], description="DICOM modalities that are used.")
    body_parts: list[str] = Field(
        ["CHEST", "THORAX"], description="DICOM body parts that are used, with their synonyms."
    )


class CacheSettings(_Section):
    """The pixel cache: each usable image decoded once."""

    folder: Path | None = Field(
        None, description="Local folder of the cache; by default beside the lake."
    )
    size: int = Field(256, ge=32, le=2048, description="Side of the cached square, in pixels.")


class ManifestSettings(_Section):
    """What a manifest holds and how patients are split."""

    scheme: str = Field("chexpert14", description="Label scheme of the manifest.")
    train: float = Field(0.8, ge=0, le=1, description="Share of patients for training.")
    val: float = Field(0.1, ge=0, le=1, description="Share of patients for early stopping.")
    test: float = Field(0.1, ge=0, le=1, description="Share of patients for evaluation.")
    source_splits: dict[str, Literal["train", "val", "test"]] = Field(
        {"train": "train", "val": "val", "validate": "val", "valid": "val", "test": "test"},
        description="What the source's own split names mean here.",
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> "ManifestSettings":
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError("train, val and test must add up to 1")
        return self


class TrainSettings(_Section):
    """The embedding and how it is trained."""

    backbone: str = Field(
        "efficientnet_lite0:regions",
        description="Pretrained network: efficientnet_lite0 or efficientnet_lite2, with :regions "
        "the features of several depths in nine regions; or timm:NAME, torchvision:NAME, xrv:NAME "
        "with weights.",
    )
    image_size: int = Field(256, ge=32, le=1024, description="Side of the network's input, pixels.")
    dim: int = Field(128, ge=2, le=2048, description="Dimensions of the embedding.")
    loss: str = Field(
        "ml2plus",
        description="ml2, ml2plus, npair, npair_ovo, contrastive, triplet_semihard, triplet_hard, "
        "lifted, multi_similarity, supcon, proxy_anchor or bce.",
    )
    loss_options: dict[str, float] = Field(
        default_factory=dict, description="Numbers that the loss takes, such as temperature."
    )
    normals_similar: bool = Field(True, description="Normal exams are one another's positives.")
    class_weighting: Literal["none", "rarity"] = Field(
        "none", description="rarity: rare findings count more in label similarity."
    )
    uncertain_weight: float = Field(
        1.0, ge=0, le=1, description="Weight of pairs whose similarity rests on uncertain labels."
    )
    feature_views: int = Field(
        1, ge=1, description="Varied views of each image that the head is trained on."
    )
    head_epochs: int = Field(
        50, ge=0, description="Epochs of the head on frozen features; 0 leaves it untrained."
    )
    head_least_steps: int = Field(
        200, ge=0, description="Steps that the head is trained at least, however few the exams."
    )
    feature_dropout: float = Field(
        0.8, ge=0, lt=1, description="Share of features hidden while the head is trained."
    )
    finetune_epochs: int = Field(
        0,
        ge=0,
        description="Epochs of the whole network after that; 0 trains the head alone.",
    )
    frozen_stages: int = Field(
        4, ge=0, description="First stages of the backbone that stay as pretrained."
    )
    batch_size: int = Field(64, ge=4, description="Images a batch of the whole network.")
    backbone_learning_rate: float = Field(1e-4, gt=0, description="Of the whole network.")
    mirror: bool = Field(False, description="Mirror training images; off, because side matters.")
    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="Where to compute.")
    precision: Literal["32-true", "bf16-mixed"] = Field(
        "32-true", description="Of the network; losses compute in 32 bits all the same."
    )
    uncertain: float = Field(0.5, ge=0, le=1, description="Training target of an uncertain state.")
    validation_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Share of training patients held out for early stopping where the manifest "
        "has no val split.",
    )
    seed: int = Field(0, ge=0, description="Seed of everything random.")
    weights: Path | None = Field(
        None, description="Weights of a backbone that brings none (timm:, torchvision:, xrv:)."
    )
    after_new_exams: int = Field(
        1000,
        ge=0,
        description="The road trains once so many exams are new in the train split since the last "
        "model; 0: never for that. `radsim train` always trains.",
    )
    after_labeler_change: bool = Field(
        True, description="The road trains when the vocabulary or the label scheme has changed."
    )
    after_drift: bool = Field(
        True, description="The road trains when the labels of new exams have drifted, see [drift]."
    )
    after_settings_change: bool = Field(
        True, description="The road trains when a setting above, of the model, has changed."
    )

    def of_model(self) -> dict[str, Any]:
        """Return the settings that make a model, without those that say when one is trained."""
        rules = {name for name in type(self).model_fields if name.startswith("after_")}
        return self.model_dump(mode="json", exclude=rules)


class EvaluateSettings(_Section):
    """How similarity is judged."""

    split: Literal["train", "val", "test"] = Field("test", description="The exams judged.")
    truth: Literal["manifest", "gold"] = Field(
        "manifest", description="Labels that judge: the manifest's, or human codes."
    )
    gold_coding: Path | None = Field(
        None, description="YAML that maps human codes to the scheme's classes (truth = gold)."
    )
    unit: Literal["image", "exam"] = Field(
        "image", description="What asks and answers: images, or exams (mean of their images)."
    )
    k: int = Field(10, ge=1, description="Neighbours looked at; the depth of figures shown.")
    depths: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 5, 10, 50, 100], description="Depths measured beside k, for the evaluations table."
    )
    same_patient: bool = Field(
        False, description="Whether other exams of the query's patient count as candidates."
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples of patients.")


class GateSettings(_Section):
    """What a new model must show before it takes the current one's place."""

    measure: Literal["nDCG", "mAP", "P", "Recall", "Jaccard"] = Field(
        "nDCG", description="Measure compared, at depth [evaluate] k."
    )
    queries: Literal["all", "abnormal"] = Field(
        "all",
        description="Queries that decide: all, or those with a finding; the others are told of.",
    )
    tolerance: float = Field(
        0.02,
        ge=0,
        le=1,
        description="How much worse it may be: the paired 95 % interval of new less current must "
        "lie above minus this. A few hundred queries tell no less than .03 or so.",
    )


class PrivacySettings(_Section):
    """Pseudonyms. The key may also come from RADSIM_PSEUDONYM_KEY; it never enters the lake."""

    key_file: Path | None = Field(
        None, description="File with the site's key; with it, identifiers become HMAC-SHA-256."
    )
    keep_text: Literal["full", "none"] = Field(
        "full",
        description="none: the lake holds labels, offsets and hashes, never report text; ingest "
        "labels in passing. A lake stays with what it was begun with.",
    )
    shift_dates: bool = Field(
        False,
        description="Shift each patient's dates by up to a year, the same for all exams of the "
        "patient; needs a key. A lake stays with what it was begun with.",
    )
    reverse_map: Path | None = Field(
        None,
        description="File outside the lake to which pseudonyms and what they stand for are added, "
        "readable by its owner alone; none by default. Needs a key.",
    )


class GallerySettings(_Section):
    """The index of a model's embeddings; a change takes effect with `radsim embed`."""

    index: Literal["auto", "exact", "hnsw", "ivf"] = Field(
        "auto",
        description="exact; hnsw or ivf, approximate with a recall@10 of .98 or more; "
        "auto: exact below approximate_from images, ivf from there on.",
    )
    approximate_from: int = Field(
        1_000_000,
        ge=1_000,
        description="Images from which auto is approximate: the exact index answers in about 30 ms "
        "among 745,000 and costs nothing to build, ivf takes minutes.",
    )


class EngineSettings(_Section):
    """Fan-out inside a stage: label, index, cache, and embed --images."""

    kind: Literal["local", "dask"] = Field(
        "local",
        description="local: processes of this machine; dask: the workers of a cluster, which need "
        "RadSim installed and see image files and the site's vocabulary under the same paths. "
        "Report text travels to them: encrypt the connections (tls://) outside one machine.",
    )
    scheduler: str = Field(
        "", description="Address of the Dask scheduler (kind = dask), such as tcp://host:8786."
    )
    workers: int = Field(0, ge=0, description="Processes of kind local; 0 means one a core.")

    @model_validator(mode="after")
    def _cluster_is_named(self) -> "EngineSettings":
        if self.kind == "dask" and not self.scheduler:
            raise ValueError("kind = dask needs scheduler, such as tcp://host:8786")
        return self


class ScheduleSettings(_Section):
    """When `radsim serve` runs the road."""

    cron: Annotated[str, AfterValidator(_is_cron)] = Field(
        "0 2 * * *", description="Cron expression of the nightly run; empty for none."
    )
    timezone: str = Field("UTC", description="Time zone of the cron expression.")
    port: int = Field(4200, ge=1024, le=65535, description="Port of the local server.")
    dashboard_port: int = Field(
        8501, ge=0, le=65535, description="Port of the dashboard that serve keeps open; 0 for none."
    )
    longest_run_hours: float = Field(
        20,
        ge=0,
        description="A run that takes longer is taken to hang, and ended; 0 for no limit.",
    )
    keep_run_days: int = Field(
        30, ge=1, description="Days that the local server keeps what it knows of a run that ended."
    )
    keep_event_days: int = Field(
        7, ge=1, description="Days that the local server keeps the events of runs."
    )


class DashboardSettings(_Section):
    """Who looks at the dashboard."""

    user_header: str = Field(
        "",
        description="Header in which a trusted proxy names the user; empty for the local account.",
    )


class Settings(BaseSettings):
    """All settings of one lake and its road."""

    model_config = SettingsConfigDict(
        env_prefix="RADSIM_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    lake: LakeSettings = LakeSettings()
    reports: ReportSettings = ReportSettings()
    label: LabelSettings = LabelSettings()
    drift: DriftSettings = DriftSettings()
    label_file: LabelFileSettings = LabelFileSettings()
    images: ImageSettings = ImageSettings()
    cache: CacheSettings = CacheSettings()
    manifest: ManifestSettings = ManifestSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    gate: GateSettings = GateSettings()
    gallery: GallerySettings = GallerySettings()
    privacy: PrivacySettings = PrivacySettings()
    engine: EngineSettings = EngineSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the call's own values first, then the environment, then the file."""
        return (init_settings, env_settings)

"""A manifest's rows with their cached pixels and their states as arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.lake import Lake
from pipeline.manifests import (
    Release,
    current_release,
    manifest_metadata,
    read_manifest,
    release_of,
)
from pipeline.settings import Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.images.pixel_cache import Pixels


@dataclass(frozen=True)
class ManifestImages:
    """The rows of one release whose pixels are cached.

    Attributes
    ----------
    release
        The manifest.
    told
        Its metadata: scheme, classes, normal_class, device_classes ...
    rows
        Its rows, n of them, as a frame.
    states
        float32 `(n, n_classes)`: 1, 0, -1, NaN not mentioned.
    pixels
        uint8 `(n, size, size)`, memory-mapped.
    without_pixels
        How many rows were left out because the cache does not hold them.
    """

    release: Release
    told: dict[str, Any]
    rows: pd.DataFrame
    states: np.ndarray
    pixels: "Pixels"
    without_pixels: int

    @property
    def members(self) -> list[str]:
        """Return the classes that may be members of an exam's label set."""
        from training.targets import member_classes

        told = self.told
        return member_classes(told["classes"], told["normal_class"], told["device_classes"])


def cache_folder(settings: Settings, lake: Lake) -> Path:
    """Return the local folder of the pixel cache."""
    folder = settings.cache.folder or lake.state_folder / "pixels"
    return folder / f"{settings.cache.size}px"


def manifest_images(lake: Lake, settings: Settings, version: int | None = None) -> ManifestImages:
    """Return a manifest, the current one by default, with its pixels.

    Raises
    ------
    UserError
        There is no such manifest, none of its images is in the cache, or the cache was moved away,
        is another machine's or is damaged.
    """
    from pipeline.images.pixel_cache import open_pixels

    release = current_release(lake) if version is None else release_of(lake, version)
    manifest = read_manifest(lake, release)
    told = manifest_metadata(manifest)
    cached = lake.read("pixels", ["image_id", "pixel_digest", "size", "shard", "row"]).to_pandas()
    cached = cached[cached["size"] == settings.cache.size].drop(columns="size")
    rows = manifest.to_pandas().merge(cached, on=["image_id", "pixel_digest"], how="inner")
    if rows.empty:
        raise UserError(
            f"no image of manifest {release.version} is in the pixel cache; run `radsim cache`"
        )
    rows = rows.sort_values(["exam_id", "image_id"], ignore_index=True)
    folder = cache_folder(settings, lake)
    try:
        pixels = open_pixels(folder, list(rows["shard"]), rows["row"].to_numpy(dtype=np.int64))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: the pixel cache of this lake is not here; run `radsim cache`, or name its "
            "folder with [cache] folder"
        ) from None
    except ValueError:
        raise UserError(
            f"{folder}: a file of the pixel cache is damaged; run `radsim cache --force`"
        ) from None
    states = rows[told["classes"]].to_numpy(dtype=np.float32, na_value=np.nan)
    return ManifestImages(release, told, rows, states, pixels, manifest.num_rows - len(rows))

"""The image files of a folder, and what a list says of whose they are."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.readers.image_list import read_image_list
from pipeline.settings import ImageSettings
from pipeline.user_error import UserError

# Tables and notes that lie beside images; not candidates.
_BESIDE = {".csv", ".tsv", ".txt", ".json", ".md", ".xml", ".html", ".pdf", ".toml", ".gz"}

_COLUMNS = ["path", "exam_id", "patient_id", "view"]


def image_files(settings: ImageSettings) -> pd.DataFrame:
    """Return the image files under the folder, in path order, with what the list says of them.

    Returns
    -------
    A frame with columns path (absolute), exam_id, patient_id and view (null where no list says).

    Raises
    ------
    UserError
        No folder is named, it does not exist, or it holds no image.
    """
    folder = settings.path
    if folder is None:
        raise UserError("no images; name their folder with [images] path or --images")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of images; see [images] path")
    root = folder.resolve()
    paths = sorted(_files_below(root))
    if not paths:
        raise UserError(f"{folder}: the folder holds no image file")
    files = pd.DataFrame({"path": paths}, dtype="str")
    if settings.list_file is None:
        return files.reindex(columns=_COLUMNS).astype("str")
    listed = _listed(settings)
    # A list may hold whole paths or bare names; names are tried where the path does not match.
    relative = files["path"].str.removeprefix(f"{root}{os.sep}")
    at = relative.map(listed["place"])
    names = listed["place"].rename(lambda path: path.rsplit("/", 1)[-1])
    at = at.fillna(
        files["path"].map(os.path.basename).map(names[~names.index.duplicated(keep=False)])
    )
    told = listed["rows"].reindex(at).reset_index(drop=True)
    return files.assign(**{name: told[name] for name in _COLUMNS[1:]})


def _files_below(root: Path) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(folder, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() not in _BESIDE
        ]
    return found

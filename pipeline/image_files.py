"""The image files of a folder, and what a list says of whose they are."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers.image_list import read_image_list
from pipeline.settings import ImageSettings
from pipeline.user_error import UserError

# Tables and notes that lie beside images; not candidates.
_BESIDE = {".csv", ".tsv", ".txt", ".json", ".md", ".xml", ".html", ".pdf", ".toml", ".gz"}

# The content_hash of an image whose file could not be read, so that it is looked at again.
UNREAD = "unread"
_TOLD = ["exam_id", "patient_id", "view"]


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
        raise UserError("no images; name their folder with [images] path")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of images; see [images] path")
    root = str(folder.resolve())
    paths = sorted(_files_below(root))
    if not paths:
        raise UserError(f"{folder}: the folder holds no image file")
    files = pd.DataFrame({"path": pd.Series(paths, dtype="str")})
    if settings.list_file is None:
        return files.assign(**{name: pd.Series(pd.NA, files.index, "str") for name in _TOLD})
    listed = _listed(settings)
    # A list may hold paths below the folder or bare file names.
    by_path = files["path"].str.removeprefix(f"{root}/").map(_places(listed["path"]))
    by_name = files["path"].map(os.path.basename).map(_places(listed["path"].map(os.path.basename)))
    told = listed.reindex(by_path.fillna(by_name))[_TOLD].reset_index(drop=True)
    return pd.concat([files, told], axis=1)


def file_references(paths: pd.Series, pseudonymiser: Pseudonymiser) -> pa.Array | pa.ChunkedArray:
    """Return what quarantine calls image files: their names, or the pseudonyms of these.

    Archives often name a file by its accession number, so a site with a key does not tell names;
    where an image has a row of its own, its `path` says which file it is.
    """
    return pseudonymiser.column(pa.array(paths.map(os.path.basename), pa.string()))


def _files_below(root: str) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            _unicode(os.path.join(folder, name))
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() not in _BESIDE
        ]
    return found


def _unicode(path: str) -> str:
    """Spell out bytes of a path that are not UTF-8: no table holds them, no file is found so."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def _listed(settings: ImageSettings) -> pd.DataFrame:
    assert settings.list_file is not None
    parts = [part.to_pandas() for part in read_image_list(settings.list_file, settings.list_format)]
    return pd.concat(parts, ignore_index=True)


def _places(names: pd.Series) -> pd.Series:
    """Return name -> row of the list, for names that stand in it once."""
    once = names[~names.duplicated(keep=False)]
    return pd.Series(once.index, index=once.to_numpy())

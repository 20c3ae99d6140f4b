"""The layout of a lake: the number that says how its tables and folders are laid out.

The file ``layout.json`` under the lake's root holds it. Lakes of the first layout have no such
file. `pipeline.migration` brings an older lake to the present layout.

| layout | what changed |
|---|---|
| 1 | the first one |
| 2 | tables keep their whole log, so that old versions stay readable after Delta's 30 days |
| 3 | reports have a column `told_at`, when their source told them |
"""

import json
from importlib.metadata import version as installed_version

from pyarrow import fs

from pipeline.object_store import replace_file
from pipeline.user_error import UserError

LAYOUT = 3
FIRST = 1
MARKER = "layout.json"

# Properties of every Delta table of this layout. By default Delta drops log entries after 30 days,
# and with them the versions that manifests and models name.
TABLE_PROPERTIES = {"delta.enableExpiredLogCleanup": "false"}


def layout_of(filesystem: fs.FileSystem, root: str) -> int | None:
    """Return the layout of the lake at that path, None where there is no lake yet.

    Raises
    ------
    UserError
        The marker is there but does not hold a layout.
    """
    try:
        with filesystem.open_input_file(f"{root}/{MARKER}") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        ledger = filesystem.get_file_info(f"{root}/tables/runs")
        return None if ledger.type == fs.FileType.NotFound else FIRST
    try:
        return int(json.loads(content)["layout"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{root}/{MARKER}: does not name the layout of the lake") from None


def mark_layout(filesystem: fs.FileSystem, root: str, layout: int) -> None:
    """Write the marker."""
    text = json.dumps({"layout": layout, "radsim_version": installed_version("radsim")})
    replace_file(filesystem, f"{root}/{MARKER}", text.encode() + b"\n")


def refuse_other_layout(name: str, layout: int | None) -> None:
    """Refuse a lake of another layout than this RadSim's; `name` is how the user calls the lake.

    Raises
    ------
    UserError
        It is older, or newer.
    """
    if layout is None or layout == LAYOUT:
        return
    if layout > LAYOUT:
        raise UserError(
            f"{name}: a newer RadSim wrote this lake (layout {layout}; this one, "
            f"{installed_version('radsim')}, knows layouts up to {LAYOUT}); install the newer one"
        )
    raise UserError(
        f"{name}: an older RadSim wrote this lake (layout {layout}, now {LAYOUT}); run "
        "`radsim migrate` once to bring it to the present layout"
    )

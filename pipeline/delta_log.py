"""What Delta tables leave on disk: data files no version needs, and what their logs say of them.

Delta's own vacuum follows a table's last version and counts by age; in a lake the ledger says what
is current, and several old versions may have to stay. So files are removed here by name.
"""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from pipeline.lake import Lake
from pipeline.lake_failures import DamagedTableError
from pipeline.object_store import replace_file

_LOG = "_delta_log"


def tables_on_disk(lake: Lake) -> list[str]:
    """Return the names of the tables that have a folder, whether a run names them or not."""
    filesystem, root = lake.files()
    selector = fs.FileSelector(f"{root}/tables", allow_not_found=True)
    with lake.reached():
        infos = filesystem.get_file_info(selector)
    return sorted(info.base_name for info in infos if info.type == fs.FileType.Directory)


def data_files(lake: Lake, name: str) -> dict[str, fs.FileInfo]:
    """Return the data files in a table's folder by their path in it, used by a version or not."""
    filesystem, root = lake.files()
    folder = f"{root}/tables/{name}"
    with lake.reached():
        infos = filesystem.get_file_info(
            fs.FileSelector(folder, recursive=True, allow_not_found=True)
        )
    return {
        info.path.removeprefix(f"{folder}/"): info
        for info in infos
        if info.is_file and f"/{_LOG}/" not in info.path
    }


def files_of_version(lake: Lake, name: str, version: int) -> pa.Table | None:
    """Return path and num_records of a version's files, None where its log is gone."""
    try:
        actions = lake.table(name, version).get_add_actions(flatten=True)
    except DamagedTableError:
        return None
    return pa.table(actions).select(["path", "num_records"])


def forget_statistics(lake: Lake, name: str, files: Iterable[str]) -> None:
    """Take the least and greatest values of these data files out of the table's log.

    Delta notes them beside each file's name, and they may be an identifier. Entries keep their
    meaning: statistics are optional in Delta's protocol. Each file of the log is replaced whole.
    """
    paths = set(files)
    filesystem, root = lake.files()
    selector = fs.FileSelector(f"{root}/tables/{name}/{_LOG}", allow_not_found=True)
    with lake.reached():
        for info in filesystem.get_file_info(selector):
            if not info.is_file:
                continue
            with filesystem.open_input_file(info.path) as opened:
                content = opened.read()
            if info.base_name.endswith(".json"):
                changed = _without_statistics(content, paths)
            elif info.base_name.endswith(".parquet"):
                changed = _checkpoint_without_statistics(content, paths)
            else:
                continue
            if changed is not None:
                replace_file(filesystem, info.path, changed)


def _without_statistics(content: bytes, paths: set[str]) -> bytes | None:
    """Return a commit's entries without these files' statistics, None where it has none."""
    lines = []
    changed = False
    for line in content.decode().splitlines():
        entry: dict[str, Any] = json.loads(line) if line.strip() else {}
        for kind in ("add", "remove"):
            action = entry.get(kind)
            if action and action.get("path") in paths and action.get("stats"):
                action["stats"] = _counts_alone(action["stats"])
                changed = True
        lines.append(json.dumps(entry, separators=(",", ":")) if entry else line)
    return "\n".join(lines).encode() if changed else None


def _counts_alone(statistics: str) -> str:
    return json.dumps({"numRecords": json.loads(statistics).get("numRecords", 0)})


def _checkpoint_without_statistics(content: bytes, paths: set[str]) -> bytes | None:
    """Return a checkpoint without these files' statistics, None where it has none."""
    table = pq.read_table(pa.BufferReader(content))
    changed = False
    for kind in ("add", "remove"):
        actions = table[kind].combine_chunks()
        fields = list(actions.type)
        # Not `flatten`, which would make nulls of what must not be null in absent entries.
        columns = [actions.field(number) for number in range(len(fields))]
        names = [field.name for field in fields]
        if "stats" not in names:
            continue
        hit = pc.is_in(columns[names.index("path")], value_set=pa.array(sorted(paths)))
        if not pc.any(hit).as_py():
            continue
        changed = True
        at = names.index("stats")
        columns[at] = pc.if_else(hit, pa.scalar(None, pa.string()), columns[at])
        stripped = pa.StructArray.from_arrays(columns, fields=fields, mask=pc.is_null(actions))
        place = table.schema.get_field_index(kind)
        table = table.set_column(place, table.schema.field(kind), pa.chunked_array([stripped]))
    if not changed:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())

"""What reader tests share: files as bytes, and a whole source read at once."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.readers import ColumnMapping, ReportBatch, read_reports


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file of this name and content."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def read_whole() -> Callable[..., ReportBatch]:
    """Read a source to its end and return its batches as one."""

    def read(path: Path, mapping: ColumnMapping | None = None, format: str = "auto") -> ReportBatch:
        batches = list(read_reports(path, mapping or ColumnMapping(), format))
        return ReportBatch(
            *(
                pa.concat_tables(getattr(batch, part) for batch in batches)
                for part in ("reports", "rejected", "gold")
            )
        )

    return read


@pytest.fixture
def rules_by_reference(read_whole: Callable[..., ReportBatch]) -> Callable[..., dict[str, str]]:
    """Read a source to its end and return the broken rule by the rejected row's place."""

    def rules(path: Path, mapping: ColumnMapping | None = None) -> dict[str, str]:
        rejected = read_whole(path, mapping).rejected
        return dict(
            zip(rejected["reference"].to_pylist(), rejected["rule"].to_pylist(), strict=True)
        )

    return rules

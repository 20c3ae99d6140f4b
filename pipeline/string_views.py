"""Delta files whose texts are string views, made comparable.

Deltalake writes the rows that stay after a deletion with Arrow's type string_view, for which Arrow
has no comparison (apache/arrow #49368, delta-io/delta-rs #4579): a filter on such a file fails.
"""

import pyarrow as pa
import pyarrow.dataset as ds


def without_string_views(dataset: ds.FileSystemDataset) -> ds.FileSystemDataset:
    """Return the same dataset with its string views read as dictionaries, which can be compared.

    Rows come out in the types of the dataset's schema as before. The footer of each file is read.
    """
    if not any(pa.types.is_string(field.type) for field in dataset.schema):
        return dataset
    fragments = [_compared(fragment, dataset) for fragment in dataset.get_fragments()]
    return ds.FileSystemDataset(fragments, dataset.schema, dataset.format, dataset.filesystem)


def _compared(
    fragment: ds.ParquetFileFragment, dataset: ds.FileSystemDataset
) -> ds.ParquetFileFragment:
    views = [f.name for f in fragment.physical_schema if pa.types.is_string_view(f.type)]
    if not views:
        return fragment
    options = ds.ParquetReadOptions(dictionary_columns=views)
    return ds.ParquetFileFormat(read_options=options).make_fragment(
        fragment.path, dataset.filesystem, fragment.partition_expression
    )

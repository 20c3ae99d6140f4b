"""Label reports on an existing Spark cluster: `spark-submit spark_labels.py IN OUT`.

IN is a Parquet folder with string columns `exam_id` and `text`, OUT a new one with a row a report
and a column a class (1 positive, 0 negative, -1 uncertain, null not mentioned). The workers' Python
needs `pip install 'radsim[label]'`.
"""

import sys
from functools import partial

from labelers.arrow_batches import label_batches, label_schema

SCHEME = "chexpert14"


def label_frame(reports):
    """Return the labels of a Spark data frame of reports."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(label_schema(SCHEME))
    chosen = reports.select("exam_id", "text")
    return chosen.mapInArrow(partial(label_batches, scheme=SCHEME), schema)


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("radsim-labels").getOrCreate()
    label_frame(session.read.parquet(sys.argv[1])).write.parquet(sys.argv[2])

"""Runs the texts of sql/ on Apache Spark: Parquet in, Parquet out, one folder per derived table.

This layer translates and passes on; it knows neither the panel nor what a table means.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cs_research.errors import CsError, Refused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What decides values, whatever a cluster's own settings say; the rest is left to it.
MEANING = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true",
           "spark.sql.parquet.inferTimestampNTZ.enabled": "true"}
# Each of these can name a cluster (docs/operations.md); without any of them Spark runs on this machine alone.
PLACES = ("SPARK_REMOTE", "MASTER", "SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS")


def spark_text(text: str) -> str:
    """A text of sql/ in the words of Spark. Raises sqlglot.errors.UnsupportedError for what has none.

    >>> print(spark_text("SELECT DATE_DIFF('day', a, b) AS days FROM t"))
    SELECT
      DATEDIFF(DAY, a, b) AS days
    FROM t
    """
    import sqlglot

    return sqlglot.transpile(text, read="duckdb", write="spark", pretty=True,
                             unsupported_level=sqlglot.ErrorLevel.RAISE)[0]


def derive(texts: Mapping[str, str], inputs: Mapping[str, Path], folder: Path,
           progress: Callable[[str], None] | None = None) -> None:
    """Write `<folder>/<name>/*.parquet` for each text, in order: one may read `inputs` (Parquet) and those before it.

    Every worker must see the paths. Raises Refused where pyspark or Java is missing, CsError where Spark gives up.
    """
    with _session() as spark:
        for name, path in inputs.items():
            spark.read.parquet(_address(path)).createOrReplaceTempView(name)
        for name, text in texts.items():
            if progress:
                progress(f"{name}, on Spark")
            spark.sql(spark_text(text)).write.parquet(_address(folder / name))
            spark.read.parquet(_address(folder / name)).createOrReplaceTempView(name)


def _address(path: Path) -> str:
    # A cluster may mean HDFS by a bare path.
    return f"file://{path.resolve()}"


@contextmanager
def _session() -> Iterator["SparkSession"]:
    """The session of this process, or one of its own, which ends with it."""
    refuse_without_spark()
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    there = SparkSession.getActiveSession()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # none is used
        try:
            spark = there or _started(SparkSession.builder)
            for name, value in MEANING.items():
                spark.conf.set(name, value)
            yield spark
        except (PySparkException, Py4JError) as error:
            told = str(getattr(error, "java_exception", error)).partition("\n")[0]
            raise CsError(f"Spark gave up: {told}", "its log above says why; the same report comes without --engine "
                                                    "spark") from error
        finally:
            if there is None and (started := SparkSession.getActiveSession()):
                started.stop()


def _started(builder: "SparkSession.Builder") -> "SparkSession":
    if not any(place in os.environ for place in PLACES):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a machine alone listens to nobody
        builder = builder.config("spark.ui.enabled", "false")
    return builder.appName("cs-research").config("spark.ui.showConsoleProgress", "false").getOrCreate()


def refuse_without_spark() -> None:
    """Raise Refused where a package of the extra `spark` or a Java is missing."""
    try:
        import pyspark  # noqa: F401
        import sqlglot  # noqa: F401
    except ImportError as error:
        raise Refused(f"--engine spark needs the package {error.name}, which is not installed",
                      "pip install 'cs-research[spark]'") from error
    java = Path(os.environ.get("JAVA_HOME", "")) / "bin" / "java"
    if "SPARK_REMOTE" not in os.environ and not (shutil.which("java") or java.is_file()):
        raise Refused("--engine spark needs Java 17 or newer, and there is none",
                      "install it (Debian and Ubuntu: apt-get install default-jre-headless) or set JAVA_HOME")

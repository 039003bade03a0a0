"""The same texts on Apache Spark: what they read there, and the same numbers from a cluster of separate processes.

A Spark text changes only on purpose: `.venv/bin/pytest tests/test_spark.py --write-golden`, then read the diff.
"""

import os
import shutil
import sys
from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import duckdb
import pytest
import sqlglot
from canonical import DEFAULTS
from small_notebooks import write_notebook, write_recipe
from sqlglot import exp

from cs_research import open_run, tables
from cs_research.engine import SQL, STEPS, Panel
from cs_research.errors import CsError, Refused
from cs_research.pipeline import Request, run_month
from cs_research.spark import derive, refuse_without_spark, spark_text

ENGINES = ("duckdb", "spark")
ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).resolve().parent / "golden" / "spark"
# Two workers of one core and 1 GB, each a process of its own; the driver listens on this machine alone.
CLUSTER = """spark.master local-cluster[2,1,1024]
spark.ui.enabled false
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.sql.shuffle.partitions 2
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
"""


@pytest.mark.parametrize("step", STEPS)
def test_the_words_of_spark_are_those_that_were_read_before(step, request):
    text, path = spark_text((SQL / f"{step}.sql").read_text()) + "\n", GOLDEN / f"{step}.sql"
    if request.config.getoption("--write-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"golden/spark/{path.name} differs"


def test_every_text_is_a_step_and_has_its_golden_file():
    assert {path.stem for path in SQL.glob("*.sql")} == set(STEPS) == {path.stem for path in GOLDEN.glob("*.sql")}


SHARED = {"BIT_COUNT"}  # unknown to sqlglot, which leaves it, and the same in both engines


def faults(text: str) -> list[str]:
    """What of a text means something else on Spark, or nothing, though it translates."""
    tree = sqlglot.parse_one(text, read="duckdb")
    found = [f"{node.sql()}: a function of one engine alone" for node in tree.find_all(exp.Anonymous)
             if node.name.upper() not in SHARED]
    found += [f"{node.sql()}: its order is lost" for node in tree.find_all(exp.ArrayAgg, exp.List, exp.GroupConcat)]
    found += [f"{node.sql()}: not on Spark" for node in tree.find_all(exp.Lambda, exp.Struct, exp.Array)]
    found += [f"{node.sql()}: months differ between the engines; subtract month numbers"
              for node in tree.find_all(exp.DateDiff) if node.text("unit").upper() != "DAY"]
    found += [f"{node.sql()}: no such type on Spark" for node in tree.find_all(exp.DataType)
              if node.this in (exp.DataType.Type.INT128, exp.DataType.Type.UINT128, exp.DataType.Type.UBIGINT)]
    found += [f"{node.sql()}: rounded in each engine's own way; divide doubles" for node in tree.find_all(exp.Div)
              if not any(cast.to.this == exp.DataType.Type.DOUBLE for cast in node.find_all(exp.Cast))]
    found += [f"{node.sql()}: beside a window QUALIFY loses the names of tables" for node in tree.find_all(exp.Qualify)
              for column in node.find_all(exp.Column) if column.table and not column.find_ancestor(exp.Window)]
    return found


@pytest.mark.parametrize("step", STEPS)
def test_a_text_keeps_to_what_both_engines_mean_alike(step):
    assert not faults((SQL / f"{step}.sql").read_text())


@pytest.mark.parametrize("text", [
    "SELECT list(a) FROM t", "SELECT string_agg(a, ',') FROM t", "SELECT CAST(a AS HUGEINT) FROM t",
    "SELECT {'a': 1} FROM t", "SELECT date_diff('month', a, b) FROM t", "SELECT datesub('month', a, b) FROM t",
    "SELECT a / b FROM t", "SELECT SUM(a) / 30.44 FROM t", "SELECT popcount(a) FROM t",
    "SELECT t.a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY t.a) = 1 AND t.b > 0"])
def test_what_the_engines_mean_differently_is_found(text):
    assert faults(text)


def test_without_the_packages_or_java_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Refused, match="needs Java 17 or newer, and there is none: install it"):
        refuse_without_spark()
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(Refused, match=r"needs the package sqlglot, .*: pip install 'cs-research\[spark\]'"):
        run_month(Request(tmp_path, tmp_path / "out", engine="spark"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Workers in processes of their own, named as a user names them; without a Java skipped, but never in CI."""
    try:
        refuse_without_spark()
    except Refused as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("conf")
    (folder / "spark-defaults.conf").write_text(CLUSTER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        yield session
        session.stop()


# Where a column of invented rows may hold more than any word: what the definitions speak of, and a stranger.
WORDS = {
    "event_type": [*DEFAULTS.events.login, *DEFAULTS.events.core_action, *DEFAULTS.events.key_feature, "other"],
    "touch_type": [*DEFAULTS.touch_points.types], "kind": [*DEFAULTS.ratings.kinds, "other"],
    "value": ["high", "Low ", "3", "2.5", "-1", "5d", "1e3", "NaN", ".5", "x"], "week": ["2025-W40", "2025-W47", "x"]}
SHAPES = {
    "id": "'i' || {h} % 20", "text": "'t' || {h} % 9", "date": "DATE '2024-01-01' + ({h} % 730)::INTEGER",
    "stamp": "TIMESTAMP '2024-01-01' + to_seconds({h} % 63072000)", "integer": "1 + {h} % 9973",
    "money": "({h} % 10000000)::BIGINT / 100", "quantity": "({h} % 1000000)::BIGINT / 10000 - 9",
    "real": "({h} % 1000) / 7", "share": "({h} % 1001) / 1000", "boolean": "{h} % 2 = 0"}


def write_invented(folder: Path, events: int) -> Path:
    """Every canonical table with rows of any value that its columns may hold, two years of 300 accounts."""
    folder.mkdir()
    rows = {"usage_events": events, "touches": events // 50, "contracts": 900, "accounts": 300, "feedback": 200}
    with duckdb.connect() as con:
        for name, table in DEFAULTS.tables.items():
            seeds, columns = count(), []
            for key, column in table.columns.items():
                h = f"hash(i * 64 + {next(seeds)})"
                words = column.values or WORDS.get(key)
                value = (f"'a' || {h} % 300" if key == "account_id" else
                         f"'{name}' || i" if [key] == [*table.key][:1] else
                         f"{[*words]}[1 + ({h} % {len(words)})::INTEGER]" if words else
                         SHAPES.get(column.type, SHAPES["text"]).format(h=h))
                if key == "end_date":
                    value = f"start_date + (1 + {h} % 500)::INTEGER"
                rare = 1 if column.required else 0.9 if key != "recorded_at" else 0.1
                columns.append(f"CAST(CASE WHEN hash(i, '{key}') % 1000 < {1000 * rare} THEN {value} END AS "
                               f"{column.sql_type}) AS {key}")
            con.execute(f"COPY (SELECT DISTINCT ON ({', '.join(table.key)}) {', '.join(columns)} "
                        f"FROM range({rows.get(name, 3000)}) AS t(i) ORDER BY i) TO '{folder}/{name}.parquet'")
    return folder


def differences(one: Panel, other: Panel) -> dict[str, int]:
    """Rows of each derived table that only one of the two panels holds, all columns compared to the last bit."""
    found = {}
    for step in STEPS:
        mine, theirs = (made.connection.sql(f"FROM {step}") for made in (one, other))
        assert (mine.columns, mine.types) == (theirs.columns, theirs.types), step
        counted = Counter(mine.fetchall())
        counted.subtract(Counter(theirs.fetchall()))
        found[step] = sum(map(abs, counted.values()))
    return found


@pytest.fixture
def compared(monkeypatch) -> dict[str, int]:
    """The differences between what a run derives on Spark, which it makes its tables of, and what DuckDB derives."""
    found: dict[str, int] = {}

    def panel(*given) -> Panel:
        made = Panel(*given)
        found.update(differences(Panel(*given[:3]), made))
        return made

    monkeypatch.setattr(tables, "Panel", panel)
    return found


def tables_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.stem not in ("findings", "files")}


def test_a_report_has_the_same_tables_from_a_cluster(report_of, cluster, compared, tmp_path):
    run, made = open_run(report_of("sample")), tmp_path / "made"
    shutil.copytree(run.folder / "canonical", tmp_path / "canonical")
    tables.build_tables(tmp_path / "canonical", run.definitions, tables.horizon(run.month, run.as_of), made,
                        leading=run.dataset["scorecard"], engine="spark")
    assert set(compared) == set(STEPS) and not any(compared.values())
    assert tables_of(made) == tables_of(run.folder / "tables")


def test_a_whole_run_on_a_cluster_is_the_run_of_this_machine(report_of, cluster, compared, tmp_path):
    write_notebook(tmp_path / "notebooks" / "one.ipynb",
                   "from cs_research import open_run\nfrom cs_research.finding import Finding",
                   'open_run(run_dir).record("one", Finding("share", "All is well.", n=1))',
                   parameters='run_dir = "../reports"\nmonth = ""\nscorecard = ""\nlang = ""')
    recipe = write_recipe(tmp_path, "kind: recipe\nnotebooks:\n  - notebook: one")
    asked = Request(ROOT / "data" / "crm", tmp_path / "out", "2023-12", recipe=recipe, jobs=1, engine="spark")
    run = open_run(run_month(asked).parent)
    assert run.about["engine"] == "spark" and set(compared) == set(STEPS) and not any(compared.values())
    assert tables_of(run.folder / "tables") == tables_of(report_of("crm") / "tables")
    assert open_run(run_month(replace(asked, engine="duckdb")).parent).about == run.about, "made once for both"


def test_a_million_events_of_any_value_come_to_the_same_rows(cluster, tmp_path):
    canonical = write_invented(tmp_path / "canonical", 1_000_000)
    seen = tables.horizon(date(2025, 11, 1), date(2025, 11, 30))
    panels = [Panel(canonical, DEFAULTS, seen, engine=name) for name in ENGINES]
    assert all(panels[0].connection.table(step).limit(1).fetchall() for step in STEPS), "one without rows is no proof"
    assert not any(differences(*panels).values())
    del panels
    assert [path.name for path in tmp_path.iterdir()] == ["canonical"], "what was exchanged is gone"


def test_what_spark_refuses_is_told_in_a_sentence(cluster, tmp_path):
    with pytest.raises(CsError, match="Spark gave up: .*nowhere"):
        derive({"a": "SELECT b FROM nowhere"}, {}, tmp_path)

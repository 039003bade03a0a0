"""One report per data set, made once for the whole test run and shared by its processes."""

import os

# The workers share the processors: threads of algebra on top of them make the same tests take several times as long.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("suite", deadline=None)  # the machine may be busy
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]
MONTHS = {"sample": "2026-10", "crm": "2023-12", "oulad": None}
# Tests whose node ids begin alike share what is dear to set up: one worker runs them all.
TOGETHER = ("test_account.py", "test_bench.py", "test_browser.py::test_hostile", "test_keeping.py",
            "test_known_figures.py", "test_pipeline.py", "test_recover.py", "test_rescore.py", "test_spark.py")


class Together(LoadScopeScheduling):
    """Each test goes to the worker that is free, but those of TOGETHER to one. (The marks xdist_group of pytest-xdist
    3.8 are lost with pytest 9.2, without a word: its issue 1386.)"""

    def _split_scope(self, nodeid: str) -> str:
        return next((start for start in TOGETHER if nodeid.startswith(f"tests/{start}")), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    return Together(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true",
                     help="write the golden tables anew from what the suite computes now; then read the difference")
    parser.addoption("--write-screenshots", action="store_true",
                     help="approve the pictures of the first page as it looks now; then look at them")


@pytest.fixture(scope="session")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`report_of("crm")`: the published folder of that data set's month, made with every notebook."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made(name: str) -> Path:
        from cs_research.pipeline import Request, run_month

        if name == "oulad" and not os.environ.get("OULAD_DIR"):
            pytest.skip("the OULAD files are not here: set OULAD_DIR to their folder (see data/oulad)")
        out = shared / f"reports-{name}"
        with FileLock(shared / f"{name}.lock"):
            there = sorted(out.glob("20*"))
            if there:
                return there[-1]
            return run_month(Request(ROOT / "data" / name, out, MONTHS[name])).parent

    return made


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the machine's browser; without one the test is skipped, but never in CI."""
    from cs_research.errors import Refused
    from cs_research.report.pdf import find_browser

    try:
        return find_browser()
    except Refused as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))

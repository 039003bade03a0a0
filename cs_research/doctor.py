"""Looks at what a report needs of the machine before one is made: one line for each thing, with its remedy.

It changes nothing. What is wrong with exports is told by `cs-research check`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from cs_research.errors import Refused
from cs_research.keeping import kept_runs
from cs_research.provenance import PACKAGE
from cs_research.report.pdf import find_browser
from cs_research.spark import refuse_without_spark

LOCK = PACKAGE.parent / "requirements.lock"
NEEDED_GB, ROOMY_GB = 0.5, 2  # free room without which no report can be made, and with which months of them can
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Check:
    """What was seen of one thing: `state` is ok, warning (a report can be made) or fault (none, or none in safety)."""

    state: str
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:8} {self.seen}{': ' + self.remedy if self.remedy else ''}"


def examine(out: Path) -> list[Check]:
    """Every check, in the order of this file; `out` is the folder of the reports."""
    return [_floors(), _lock(), _room(out), _writable(out), _clock(out), _fonts(),
            _optional("PDF files can be printed", find_browser),
            _optional("--engine spark can be used", refuse_without_spark), _jupyter()]


def refuse_faults(out: Path, tell: Callable[[str], None]) -> None:
    """Tell what was seen, a line for each check; raise Refused where one is a fault."""
    checks = examine(out)
    tell("\n".join(map(str, checks)))
    if faults := [check for check in checks if check.state == "fault"]:
        raise Refused("; ".join(check.seen for check in faults),
                      "; ".join(dict.fromkeys(check.remedy for check in faults)))


def _floors() -> Check:
    """Python and the packages, without which the suite is not as tested, or not safe (jupyter-server, nbconvert)."""
    needs = [Requirement(f"Python{metadata('cs-research')['Requires-Python']}"),
             *(need for need in map(Requirement, requires("cs-research") or ()) if not need.marker)]
    below = [f"{need.name} {_installed(need.name) or 'none'} (needs {need.specifier})" for need in needs
             if not need.specifier.contains(_installed(need.name) or "0", prereleases=True)]
    return Check("fault", f"too old or too new: {', '.join(below)}", "install what is needed, then `make report`") \
        if below else Check("ok", f"Python {_installed('Python')} and its packages are as new as they must be")


def _lock() -> Check:
    pinned: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK.read_text("utf-8") if LOCK.is_file() else "", re.M):
        pinned.setdefault(name, set()).add(pin)
    other = [f"{name} {_installed(name)}" for name, pins in pinned.items() if _installed(name) not in {None, *pins}]
    remedy = "`make report` in a clone of the repository installs those of its lock"
    return Check("ok", "the packages are those of requirements.lock") if pinned and not other else \
        Check("warning", f"packages other than in requirements.lock ({', '.join(other) or 'not here'})", remedy)


def _installed(name: str) -> str | None:
    try:
        return sys.version.split()[0] if name == "Python" else version(name)
    except PackageNotFoundError:
        return None


def _room(out: Path) -> Check:
    free = shutil.disk_usage(_nearest(out)).free / 1e9
    state = "fault" if free < NEEDED_GB else "warning" if free < ROOMY_GB else "ok"
    return Check(state, f"{free:.1f} GB free for {out}", "" if state == "ok" else "make room, or give another --out")


def _writable(out: Path) -> Check:
    try:
        if out.exists() and not out.is_dir():
            raise NotADirectoryError(20, "it is a file")
        with tempfile.TemporaryFile(dir=_nearest(out)):
            return Check("ok", f"{out} can be written to")
    except OSError as error:
        return Check("fault", f"{out} cannot be written to ({error.strerror})", "give rights, or another --out")


def _nearest(out: Path) -> Path:
    return next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())


def _clock(out: Path) -> Check:
    """No figure depends on the clock; a timer does, and the times in run.json."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ahead = [one for one in kept_runs(out) if one.made > now]
    return Check("ok", f"the clock says {now}") if not ahead else \
        Check("warning", f"The clock says {now}, but {ahead[0].folder.name} was made at {ahead[0].made}",
              "set the clock, unless it was wrong then")


def _fonts() -> Check:
    """Pages name the reader's fonts; only what is printed here needs those of this machine."""
    if sys.platform == "darwin":
        return Check("ok", "a font with Japanese letters is part of macOS")
    command = [shutil.which("fc-list") or "true", ":lang=ja", "family"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.splitlines()
    return Check("ok", f"a font with Japanese letters is here ({min(told)})") if told else \
        Check("warning", "No font with Japanese letters, which PDF files will show as boxes",
              "install one (Debian and Ubuntu: apt-get install fonts-noto-cjk)")


def _optional(what: str, refuse: Callable[[], object]) -> Check:
    try:
        refuse()
        return Check("ok", what)
    except Refused as error:
        return Check("warning", error.sentence, error.remedy)


def _jupyter() -> Check:
    """What the settings of this machine make of JupyterLab, which runs whatever is typed into it."""
    remedy = "`jupyter --paths` says where its settings lie; `make lab` serves this machine alone"
    try:
        settings = _settings()
    except Exception as error:  # settings are programs, and may fail in any way
        return Check("fault", f"The settings of Jupyter cannot be read ({type(error).__name__}: {error})", remedy)
    parts = ("NotebookApp", "ServerApp", "IdentityProvider", "PasswordIdentityProvider")
    said = {name: value for part in parts for name, value in settings.get(part, {}).items()}
    if said.get("ip", "localhost") not in THIS_MACHINE:
        return Check("fault", f"Jupyter is set to serve other machines (ip '{said['ip']}')", remedy)
    if said.get("token", "made anew") == "" and not (said.get("hashed_password") or said.get("password")):
        return Check("fault", "Jupyter is set to let everyone in (an empty token and no password)", remedy)
    return Check("ok", "Jupyter serves this machine alone and asks for a token or a password")


def _settings() -> dict[str, Any]:
    from jupyter_core.paths import jupyter_config_path
    from traitlets.config.loader import Config, JSONFileConfigLoader, PyFileConfigLoader

    config = Config()
    for folder in map(Path, reversed(jupyter_config_path())):
        for base in ("jupyter_config", "jupyter_notebook_config", "jupyter_server_config", "jupyter_lab_config"):
            for path in (folder / f"{base}.py", folder / f"{base}.json", *sorted(folder.glob(f"{base}.d/*.json"))):
                if os.path.isfile(path):  # false, too, for what this user may not look at
                    loader = PyFileConfigLoader if path.suffix == ".py" else JSONFileConfigLoader
                    config.merge(loader(path.name, str(path.parent)).load_config())
    return config

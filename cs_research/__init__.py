"""Customer success research and reporting. In a notebook: `import cs_research as cs; run = cs.open_run("reports")`."""

from importlib import import_module
from typing import Any

# Late, so that `import cs_research` and the command line's --help stay quick.
_HOMES = {"open_run": "run", "show_table": "display", "write_excel": "report.spreadsheet"}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'cs_research' has no attribute '{name}'; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__

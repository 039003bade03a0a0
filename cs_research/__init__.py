"""Customer success research and reporting. In a notebook: `from cs_research import open_run`."""

from typing import Any

__all__ = ["open_run"]


def __getattr__(name: str) -> Any:
    # Late, so that `import cs_research` and the command line's --help stay quick.
    if name == "open_run":
        from cs_research.run import open_run

        return open_run
    raise AttributeError(f"module 'cs_research' has no attribute '{name}'")

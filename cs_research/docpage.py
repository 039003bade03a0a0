"""What the generated pages of docs/ share: how they were made, lists and tables in Markdown, sections that stay."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from typing import Any


def made(command: str, seconds: float, *packages: str) -> dict[str, Any]:
    """When and by what a page was made, with the versions of these packages: the facts that it begins with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("cs-research", *packages))
    return {"command": command, "date": date.today().isoformat(),
            "versions": f"Python {platform.python_version()}, {versions}",
            "machine": f"{platform.system()}, {platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GB",
            "time": f"{seconds / 60:.0f} minutes"}


def facts(about: dict[str, Any]) -> str:
    """A list of names and values."""
    return "\n".join(f"- {name}: {value}" for name, value in about.items()) + "\n"


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A table with a column per key of the first row.

    >>> print(table([{"task": "scan", "s": 0.5}]), end="")
    | task | s |
    | --- | --- |
    | scan | 0.5 |
    """
    rows = list(rows)
    if not rows:
        return "Not tried.\n"
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def with_section(page: str, title: str, text: str) -> str:
    """The page with this section (`## title`) in place of the one of that title, or at its end.

    >>> with_section("# P\\n\\n## a\\n\\nold\\n\\n## b\\n\\nx\\n", "a", "new\\n")
    '# P\\n\\n## a\\n\\nnew\\n\\n## b\\n\\nx\\n'
    """
    head, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    kept = dict(section.split("\n", 1) for section in sections) | {title: text}
    return head.rstrip() + "\n" + "".join(f"\n## {name}\n\n{body.strip()}\n" for name, body in kept.items())

"""A simulated company with known truth: every canonical table, written from a seed.

This layer shares no code with the definitions, the scores or the studies that are tested against it;
it imports the errors and libraries only.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cs_research.errors import Refused
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.folder import Folder
from cs_research.simulate.life import Life
from cs_research.simulate.names import account_ids, account_names, owner_codes
from cs_research.simulate.population import draw_managers, draw_population
from cs_research.simulate.tables import Reporter
from cs_research.simulate.truth import ACCOUNTS_PER_MANAGER, truth
from cs_research.simulate.worlds import WORLDS, world_named

__all__ = ["WORLDS", "simulate"]

LAST_MONTH = "2026-10"
BLOCK = 2000
MANAGERS = 20

Progress = Callable[[int, int], None]


def simulate(
    out: Path, accounts: int, months: int, seed: int, world: str = "claims",
    progress: Progress | None = None, truth_accounts: int = 6000,
) -> None:  # fmt: skip
    """Write a data set folder: dataset.yml, one file per table, truth.json.

    The period ends with October 2026. `progress(done, total)` is called with accounts written so far.
    The same arguments give the same bytes. `truth_accounts` is the size of the Monte-Carlo behind truth.json.
    Refused: an unknown world, a size below one, a folder that holds something else.

    >>> simulate(Path("small"), accounts=50, months=14, seed=1)  # doctest: +SKIP
    """
    truths = world_named(world)
    _check_sizes(accounts=accounts, months=months, truth_accounts=truth_accounts)
    calendar = Calendar(LAST_MONTH, months)
    source = f"cs-research simulate --accounts {accounts} --months {months} --seed {seed} --world {world}"
    whole = np.random.default_rng([seed, 0])
    ids, names = account_ids(whole, accounts), account_names(whole, accounts)
    managers = draw_managers(whole, max(MANAGERS, accounts // ACCOUNTS_PER_MANAGER), truths)
    owners = owner_codes(len(managers))
    with Folder(out) as folder:
        for block, start in enumerate(range(0, accounts, BLOCK)):
            part = slice(start, min(start + BLOCK, accounts))
            rng = np.random.default_rng([seed, 1, block])
            people = draw_population(rng, len(ids[part]), months, managers)
            lived = Life(people, managers, truths, calendar, rng).run()
            folder.add(Reporter(lived, ids[part], names[part], owners, rng).tables())
            if progress:
                progress(part.stop, accounts)
        folder.describe(source, str(calendar.as_of))
    facts = {"source": source, "world": world} | truth(truths, months, LAST_MONTH, truth_accounts)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (Path(out) / "truth.json").write_text(text + "\n", encoding="utf-8")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise Refused(f"{name} is {size}", "give 1 or more")

"""A simulated company with known truth: every canonical table, written from a seed.

This layer shares no code with the definitions, the scores or the studies that are tested against it;
it imports the errors and libraries only.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cs_research.errors import Refused
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.draws import ACCOUNTS_PER_MANAGER, FEWEST_MANAGERS, LAST_MONTH
from cs_research.simulate.folder import Folder
from cs_research.simulate.life import Life
from cs_research.simulate.population import account_ids, account_names, draw_managers, draw_people, identify
from cs_research.simulate.tables import TABLES
from cs_research.simulate.truth import LIVES, truth
from cs_research.simulate.worlds import WORLDS, World, world_of

__all__ = ["WORLDS", "lives", "simulate"]

BLOCK = 2000


def simulate(out: Path, accounts: int, months: int, seed: int, world: str = "claims",
             progress: Callable[[int, int], None] | None = None, truth_accounts: int = 6000,
             base_churn: int | None = None) -> None:
    """Write a data set folder: dataset.yml, one file per table, truth.json.

    The same arguments give the same bytes. The period ends with October 2026. `progress(done, total)` counts
    blocks of accounts and the lives behind the truth, which is found with `truth_accounts` accounts. `base_churn`
    is that of worlds.world_of. Refused: what that refuses, a size below one, a folder that holds something else.

    >>> simulate(Path("small"), accounts=50, months=14, seed=1)  # doctest: +SKIP
    """
    parameters = world_of(world, base_churn)
    for name, size in (("accounts", accounts), ("months", months), ("truth_accounts", truth_accounts)):
        if size < 1:
            raise Refused(f"{name} is {size}", "give 1 or more")
    done, total = itertools.count(1), len(range(0, accounts, BLOCK)) + LIVES

    def step() -> None:
        if progress:
            progress(next(done), total)

    out, calendar = Path(out), Calendar(LAST_MONTH, months)
    source = f"cs-research simulate --accounts {accounts} --months {months} --seed {seed} --world {world}"
    source += f" --base-churn {base_churn}" if base_churn is not None else ""
    with Folder(out) as folder:
        for life in lives(accounts, seed, parameters, calendar):
            for table in TABLES:
                folder.add(table.__name__, table(life))
            step()
        folder.describe(source, str(calendar.as_of))
    facts = {"source": source, "world": world} | truth(parameters, months, truth_accounts, step)
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (out / "truth.json").write_text(text, encoding="utf-8", newline="\n")


def lives(accounts: int, seed: int, world: World, calendar: Calendar) -> Iterator[Life]:
    """Accounts in blocks that fit in memory; names and managers are those of the whole company."""
    whole = np.random.default_rng([seed, 0])
    ids, names = account_ids(whole, accounts), account_names(whole, accounts)
    managers = draw_managers(whole, max(FEWEST_MANAGERS, accounts // ACCOUNTS_PER_MANAGER), world)
    for number, start in enumerate(range(0, accounts, BLOCK)):
        part, rng = slice(start, start + BLOCK), np.random.default_rng([seed, 1, number])
        people = draw_people(rng, len(ids[part]), calendar.months, managers, world)
        identify(people, ids[part], names[part])
        yield Life(people, managers, world, calendar, rng).run()

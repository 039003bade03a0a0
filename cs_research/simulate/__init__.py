"""A simulated company with known truth: every canonical table, written from a seed.

This layer shares no code with the definitions, the scores or the studies that are tested against it;
it imports the errors and libraries only.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cs_research.errors import Refused
from cs_research.simulate import customer_tables, team_tables
from cs_research.simulate.block import Block
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.folder import Folder
from cs_research.simulate.life import Life
from cs_research.simulate.names import account_ids, account_names, owner_codes
from cs_research.simulate.population import draw_managers, draw_population
from cs_research.simulate.truth import ACCOUNTS_PER_MANAGER, truth
from cs_research.simulate.worlds import WORLDS, World, world_named

__all__ = ["WORLDS", "simulate"]

LAST_MONTH = "2026-10"
BLOCK = 2000
MANAGERS = 20
TABLES = (
    customer_tables.contracts, customer_tables.accounts, customer_tables.users, customer_tables.usage_events,
    customer_tables.touches, team_tables.meetings, team_tables.milestones, team_tables.surveys,
    team_tables.goals, team_tables.ratings, team_tables.feedback,
)  # fmt: skip


def simulate(
    out: Path,
    accounts: int,
    months: int,
    seed: int,
    world: str = "claims",
    progress: Callable[[int, int], None] | None = None,
    truth_accounts: int = 6000,
) -> None:
    """Write a data set folder: dataset.yml, one file per table, truth.json.

    The same arguments give the same bytes. The period ends with October 2026. `progress(done, total)` counts
    blocks of accounts and the three lives behind the truth, which is found with `truth_accounts` accounts.
    Refused: an unknown world, a size below one, a folder that holds something else.

    >>> simulate(Path("small"), accounts=50, months=14, seed=1)  # doctest: +SKIP
    """
    parameters = world_named(world)
    for name, size in (("accounts", accounts), ("months", months), ("truth_accounts", truth_accounts)):
        if size < 1:
            raise Refused(f"{name} is {size}", "give 1 or more")
    starts = range(0, accounts, BLOCK)
    step = _stepper(progress, len(starts) + 3)
    calendar = Calendar(LAST_MONTH, months)
    source = f"cs-research simulate --accounts {accounts} --months {months} --seed {seed} --world {world}"
    with Folder(out) as folder:
        for block in _blocks(accounts, seed, parameters, calendar):
            folder.add({table.__name__: table(block) for table in TABLES})
            step()
        folder.describe(source, str(calendar.as_of))
    facts = {"source": source, "world": world} | truth(parameters, calendar, truth_accounts, step)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (Path(out) / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def _blocks(accounts: int, seed: int, world: World, calendar: Calendar):
    """Accounts in blocks that fit in memory; names and managers are those of the whole company."""
    whole = np.random.default_rng([seed, 0])
    ids, names = account_ids(whole, accounts), account_names(whole, accounts)
    managers = draw_managers(whole, max(MANAGERS, accounts // ACCOUNTS_PER_MANAGER), world)
    owners = owner_codes(len(managers))
    for number, start in enumerate(range(0, accounts, BLOCK)):
        part = slice(start, start + BLOCK)
        rng = np.random.default_rng([seed, 1, number])
        people = draw_population(rng, len(ids[part]), calendar.months, managers)
        life = Life(people, managers, world, calendar, rng).run()
        yield Block(life, ids[part], names[part], owners, rng)


def _stepper(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return step

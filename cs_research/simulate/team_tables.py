"""What the team writes down about its customers, in the words of the data contract.

Nothing later than the as-of leaves this module, except meetings booked by then.
"""

import numpy as np
import pandas as pd

from cs_research.simulate.block import Block
from cs_research.simulate.population import GOALS

MILESTONES = {"kickoff": 10, "account_setup": 21, "training": 40, "first_value": 58}
"""Days after the start by which each is due."""
RELATIONS = ("weak", "normal", "good")
CELLS = ("silent", "unsatisfied", "unwanted", "thanks")
NOTES = ("連絡したばかり", "waiting for their answer")


def meetings(block: Block) -> pd.DataFrame:
    """Past ones with `held`, a few entered late; coming ones as booked, `held` still empty."""
    log = block.log("meetings").sort_values(["account", "date"], ignore_index=True)
    is_past = log["date"] <= block.as_of
    return block.known(pd.DataFrame({
        "meeting_id": np.char.add(block.ids[log["account"]], np.char.mod("-M%03d", log.index + 1)),
        "account_id": block.ids[log["account"]],
        "scheduled_date": log["date"],
        "held": log["held"].astype("boolean").where(is_past),
        "with_keyman": log["keyman"],
        "with_decision_maker": log["decision_maker"],
        "kind": log["kind"],
        "owner": block.owners[block.life.people.owner[log["account"]]],
        "recorded_at": block.recorded(log["date"]).where(is_past, log["booked"]),
    }))  # fmt: skip


def milestones(block: Block) -> pd.DataFrame:
    """Success is every milestone in time; otherwise the last one, and maybe others, come late or never."""
    frames = [_milestone(block, name, offset) for name, offset in MILESTONES.items()]
    return block.known(pd.concat(frames).sort_values("account_id", kind="stable"))


def _milestone(block: Block, name: str, offset: int) -> pd.DataFrame:
    rng, count, is_last = block.rng, len(block.ids), name == "first_value"
    due = block.start + offset
    fails = ~block.life.is_onboarded & (is_last | (rng.random(count) < 0.35))
    never = fails & (rng.random(count) < 0.4)
    in_time = np.maximum(block.start, due - rng.integers(0, 9, count))
    done = np.where(fails, due + rng.integers(6, 60, count), in_time)
    done = np.where(never | (done > block.as_of), np.datetime64("NaT"), done)
    has_due = is_last | (rng.random(count) > 0.03)
    frame = pd.DataFrame({
        "account_id": block.ids,
        "milestone": name,
        "due_date": pd.Series(due).where(has_due),
        "completed_date": done,
        "recorded_at": block.recorded(done),
    })  # fmt: skip
    return frame[~(never & (rng.random(count) < 0.3))]


def surveys(block: Block) -> pd.DataFrame:
    """A recommendation survey every half year, a value survey once a year; the unengaged answer less."""
    rng = block.rng
    account, month, age, level = _account_months(block)
    is_value = age % 12 == 11
    sent = is_value | (age % 6 == 4)
    account, month, level, is_value = account[sent], month[sent], level[sent], is_value[sent]
    date = np.minimum(block.life.calendar.date(month, rng.integers(3, 25, len(account))), block.as_of)
    answered = date + rng.integers(1, 20, len(account))
    is_answered = (rng.random(len(account)) < 1 / (1 + np.exp(0.3 - 0.5 * level))) & (answered <= block.as_of)
    score = np.clip(np.round(7.5 + 1.1 * level + rng.normal(0, 1.7, len(account))), 0, 10)
    score = np.where(is_value, np.clip(np.round(score / 2), 1, 5), score)
    return pd.DataFrame({
        "survey_id": np.char.add(block.ids[account], np.char.mod("-S%02d", month)),
        "account_id": block.ids[account],
        "sent_date": date,
        "kind": np.where(is_value, "value", "nps"),
        "answered_date": np.where(is_answered, answered, np.datetime64("NaT")),
        "score": pd.array(np.where(is_answered, score, np.nan), dtype="Int64"),
    })  # fmt: skip


def goals(block: Block) -> pd.DataFrame:
    """The first goal is in the view that the account named at the start."""
    keys = ["account", "number"]
    agreed, achieved = block.log("goals_agreed"), block.log("goals_achieved")
    log = agreed.merge(achieved, on=keys, how="left", suffixes=("", "_achieved"))
    log = log.sort_values(keys, ignore_index=True)
    due = log["date"] + pd.to_timedelta(block.rng.integers(180, 365, len(log)), unit="D")
    view = (block.life.people.goal[log["account"]] + log["number"].to_numpy()) % len(GOALS)
    return block.known(pd.DataFrame({
        "goal_id": np.char.add(block.ids[log["account"]], np.char.mod("-G%d", log["number"] + 1)),
        "account_id": block.ids[log["account"]],
        "agreed_date": log["date"],
        "due_date": due.where(block.rng.random(len(log)) < 0.85),
        "achieved_date": log["date_achieved"],
        "view": np.array(GOALS)[view],
        "recorded_at": block.recorded(log["date_achieved"].fillna(log["date"])),
    }))  # fmt: skip


def ratings(block: Block) -> pd.DataFrame:
    """Relations are rated twice a year, the value matrix once; scores and stop requests come now and then."""
    rng = block.rng
    account, month, age, level = _account_months(block)
    third = np.searchsorted([-0.7, 0.6], level + rng.normal(0, 0.8, len(level)))
    cell = np.minimum(third + rng.integers(0, 2, len(level)), 3)
    frames = []
    for kind, chance, value, days in (
        ("keyman_relation", 0.8 * (age % 6 == 3), np.array(RELATIONS)[third], 0),
        ("manual_score", 0.015, np.array(["red", "yellow", "green"])[third], 90),
        ("value_matrix", 0.5 * (age % 12 == 9), np.array(CELLS)[cell], 0),
        ("stop_request", 0.002, np.full(len(account), "yes"), 120),
    ):
        who = rng.random(len(account)) < chance
        date = block.life.calendar.date(month[who], rng.integers(1, 29, int(who.sum())))
        frames.append(pd.DataFrame({
            "account_id": block.ids[account[who]],
            "kind": kind,
            "value": value[who],
            "set_date": date,
            "author": block.owners[block.life.people.owner[account[who]]],
            "expires_date": date + days if days else np.full(len(date), np.datetime64("NaT", "D")),
        }))  # fmt: skip
    return pd.concat(frames).sort_values(["account_id", "kind", "set_date"], ignore_index=True)


def feedback(block: Block) -> pd.DataFrame:
    """The managers' word on entries of the weekly lists of the last half year."""
    life, rng = block.life, block.rng
    months = np.arange(max(0, life.calendar.months - 6), life.calendar.months)
    listed = (life.health[:, months] < 25) & (rng.random((len(block.ids), len(months))) < 0.08)
    account, month = np.nonzero(listed)
    date = life.calendar.date(months[month], rng.integers(1, 22, len(account)))
    should_not = rng.random(len(account)) < 0.3
    return pd.DataFrame({
        "account_id": block.ids[account],
        "week": pd.Series(pd.to_datetime(date)).dt.strftime("%G-W%V"),
        "verdict": np.where(should_not, "should_not_contact", "useful"),
        "note": np.where(should_not, rng.choice(NOTES, len(account)), None),
    })  # fmt: skip


def _account_months(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Account, month, age in months and engagement of every month an account ended under contract."""
    account, month = np.nonzero(block.life.seats_then > 0)
    age = month - block.life.people.start_month[account]
    return account, month, age, np.nan_to_num(block.life.engagement[account, month])

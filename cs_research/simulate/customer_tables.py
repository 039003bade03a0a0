"""Contracts, accounts, users and what they do, in the words of the data contract.

Nothing later than the as-of leaves this module, except terms signed by then.
"""

import numpy as np
import pandas as pd

from cs_research.simulate.block import LATE_SHARE, Block
from cs_research.simulate.population import GOALS, INDUSTRIES
from cs_research.simulate.stamps import day_stamps
from cs_research.simulate.terms import CHURNED, NEVER

PRODUCTS = np.array(["Basic", "Standard", "Premium"])
ROLES = np.array(["keyman", "decision_maker", "admin", "member"])
USAGE_LATE_SHARE = 0.002
REVIEW_LATE_SHARE = 0.2


def contracts(block: Block) -> pd.DataFrame:
    """One row per term signed by the as-of, with the status it has then."""
    terms = _with_status(_without_unfiled(_signed_terms(block), block.as_of), block.as_of)
    number = terms["contract_number"].astype(str) + np.where(terms["is_addon"], "A", "")
    account_id = pd.Series(block.ids[terms["account"]], terms.index)
    return pd.DataFrame({
        "contract_id": "C" + account_id + "-" + number,
        "account_id": account_id,
        "start_date": terms["start"],
        "end_date": terms["end"],
        "seats": terms["seats"],
        "mrr": terms["mrr"],
        "product": PRODUCTS[terms["product"]],
        "status": terms["status"],
        "notice_date": terms["notice"].where(terms["status"] == "churned"),
        "recorded_at": day_stamps(terms["signed"]),
    })  # fmt: skip


def _signed_terms(block: Block) -> pd.DataFrame:
    ends = block.log("ends")
    terms = block.log("terms").merge(ends, on=["account", "end"], how="left", validate="m:1")
    terms = terms[terms["signed"] <= block.as_of]
    return terms.sort_values(["account", "start", "is_addon"], ignore_index=True)


def _without_unfiled(terms: pd.DataFrame, as_of: np.datetime64) -> pd.DataFrame:
    """Two renewals of the last months that nobody has filed: the customer goes on, the paper does not."""
    age = (as_of - terms["start"].to_numpy().astype("M8[D]")).astype(int)
    is_first = terms["start"] == terms.groupby("account")["start"].transform("min")
    recent = terms[(age > 45) & (age < 120) & ~is_first & ~terms["is_addon"]]
    return terms.drop(recent.index[:2])


def _with_status(terms: pd.DataFrame, as_of: np.datetime64) -> pd.DataFrame:
    """Renewed once a successor is signed, churned once notice is given, active until then."""
    main = terms[~terms["is_addon"]]
    begins = pd.MultiIndex.from_arrays([main["account"], main["start"]])
    is_followed = pd.MultiIndex.from_arrays([terms["account"], terms["end"]]).isin(begins)
    left = (terms["fate"] == CHURNED) & (terms["notice"] <= as_of)
    status = np.select([left, is_followed], ["churned", "renewed"], "active")
    return terms.assign(status=status)


def accounts(block: Block) -> pd.DataFrame:
    people, rng, count = block.life.people, block.rng, len(block.ids)
    in_group = rng.random(count) < 0.04
    group = np.char.mod("G%03d", rng.integers(1, 2 + count // 60, count))
    return pd.DataFrame({
        "account_id": block.ids,
        "account_name": block.names,
        "segment": np.where(people.is_enterprise, "enterprise", "smb"),
        "industry": np.array(INDUSTRIES)[people.industry],
        "goal": np.array(GOALS)[people.goal],
        "owner": block.owners[people.owner],
        "target_users": pd.array(people.target_users, dtype="Int64"),
        "parent_id": np.where(in_group, group, None),
        "valid_from": block.start,
    })  # fmt: skip


def users(block: Block) -> pd.DataFrame:
    """Everyone who ever had a seat, but for one member in a hundred whom the export forgot."""
    life, people = block.life, block.life.people
    had_seat = people.slot_number < life.seats_then.max(axis=1)[people.slot_account]
    forgotten = (people.slot_number > 2) & (block.rng.random(len(had_seat)) < 0.01)
    slot = np.flatnonzero(had_seat & ~forgotten)
    is_active = life.active_month[slot] < NEVER
    date = life.calendar.day_one(np.where(is_active, life.active_month[slot], 0)) + life.active_day[slot] - 1
    return pd.DataFrame({
        "user_id": block.user_ids(slot),
        "account_id": block.ids[people.slot_account[slot]],
        "activated_date": pd.Series(np.where(is_active, date, np.datetime64("NaT"))),
        "role": ROLES[np.minimum(people.slot_number[slot], 3)],
    })  # fmt: skip


def usage_events(block: Block) -> pd.DataFrame:
    """At most one event per user, day and type; `quantity` only where cards are counted."""
    log = block.stamped(block.log("usage"), USAGE_LATE_SHARE)
    log = log.sort_values(["slot", "occurred_at", "kind"], ignore_index=True)
    slot = log["slot"].to_numpy()
    return pd.DataFrame({
        "account_id": block.account_codes(block.life.people.slot_account[slot]),
        "user_id": block.user_codes(slot),
        "occurred_at": log["occurred_at"],
        "event_type": log["kind"].astype("category"),
        "quantity": log["quantity"].where(log["kind"] == "card_scan").astype("Int32"),
        "recorded_at": log["recorded_at"],
    })  # fmt: skip


def touches(block: Block) -> pd.DataFrame:
    """Reviews are kept elsewhere and often arrive late; `user_id` is empty for what concerns the account."""
    log = block.log("touches").sort_values(["account", "month", "day", "slot", "kind"], ignore_index=True)
    log["number"] = log.groupby("account").cumcount() + 1
    is_review = log["kind"].isin(["mid_review", "final_review"])
    log = block.stamped(log, np.where(is_review, REVIEW_LATE_SHARE, LATE_SHARE))
    return pd.DataFrame({
        "touch_id": np.char.add(block.ids[log["account"]], np.char.mod("-T%05d", log["number"])),
        "account_id": block.account_codes(log["account"]),
        "occurred_at": log["occurred_at"],
        "touch_type": log["kind"].astype("category"),
        "user_id": block.user_codes(log["slot"].to_numpy()),
        "content_id": log["content"].where(log["content"] != "").astype("category"),
        "progress": log["progress"],
        "recipients": log["recipients"].where(log["recipients"] >= 0).astype("Int32"),
        "responded": log["responded"].map({0: False, 1: True, -1: None}).astype("boolean"),
        "recorded_at": log["recorded_at"],
    })  # fmt: skip

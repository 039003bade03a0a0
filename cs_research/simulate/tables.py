"""What happened, in the words of the data contract: one DataFrame per canonical table.

Nothing later than the as-of leaves this module, except meetings booked and terms signed by then.
"""

import numpy as np
import pandas as pd

from cs_research.simulate.life import CHURNED, NEVER, Life
from cs_research.simulate.population import GOALS, INDUSTRIES
from cs_research.simulate.stamps import day_stamps, month_stamps

PRODUCTS = np.array(["Basic", "Standard", "Premium"])
ROLES = np.array(["keyman", "decision_maker", "admin", "member"])
MILESTONES = {"kickoff": 10, "account_setup": 21, "training": 40, "first_value": 58}
"""Days after the start by which each is due."""
LATE_SHARE = 0.03
USAGE_LATE_SHARE = 0.002
CLOCK = np.array([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 23, 0])
CLOCK_SHARE = np.array([6, 14, 15, 13, 5, 11, 12, 11, 9, 7, 4, 2, 0.5, 0.5]) / 110.0


class Reporter:
    """Words one block of lived accounts; `ids`, `names` and `owners` are those of its accounts and managers."""

    def __init__(self, life: Life, ids: np.ndarray, names: np.ndarray, owners: np.ndarray, rng):
        self.life, self.ids, self.names, self.owners, self.rng = life, ids, names, owners, rng
        self.as_of = life.calendar.as_of
        people = life.people
        self.start = life.calendar.date(people.start_month, people.start_day)

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables of the block, rows in the order of their accounts."""
        names = (
            "contracts accounts users usage_events touches meetings milestones surveys goals ratings feedback"
        ).split()
        return {name: getattr(self, name)() for name in names}

    def _log(self, name: str) -> pd.DataFrame:
        return pd.concat([pd.DataFrame(entry) for entry in self.life.log[name]], ignore_index=True)

    def _late(self, happened: np.ndarray, share: float = LATE_SHARE) -> pd.Series:
        """When a row became known: NaT (at once) for most, two days to two months later for some."""
        delay = self.rng.integers(2, 62, len(happened))
        late = self.rng.random(len(happened)) < share
        return pd.Series(np.where(late, np.asarray(happened, "M8[D]") + delay, np.datetime64("NaT")))

    def _known(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Without the rows that nobody has recorded by the as-of; recorded_at as a stamp."""
        frame = frame[~(frame["recorded_at"] > self.as_of)].reset_index(drop=True)
        return frame.assign(recorded_at=day_stamps(frame["recorded_at"]))

    def accounts(self) -> pd.DataFrame:
        people, count = self.life.people, len(self.ids)
        in_group = self.rng.random(count) < 0.04
        group = np.char.mod("G%03d", self.rng.integers(1, 1 + max(1, count // 60), count))
        return pd.DataFrame({
            "account_id": self.ids,
            "account_name": self.names,
            "segment": np.where(people.is_enterprise, "enterprise", "smb"),
            "industry": np.array(INDUSTRIES)[people.industry],
            "goal": np.array(GOALS)[people.goal],
            "owner": self.owners[people.owner],
            "target_users": pd.array(people.target_users, dtype="Int64"),
            "parent_id": np.where(in_group, group, None),
            "valid_from": self.start,
        })  # fmt: skip

    def contracts(self) -> pd.DataFrame:
        terms, ends = self._log("terms"), self._log("ends")
        ends = ends.drop_duplicates(["account", "end"])
        terms = terms[terms["signed"] <= self.as_of]
        terms = self._without_unfiled(terms)
        terms = terms.merge(ends, on=["account", "end"], how="left", validate="m:1")
        leaves = (terms["fate"] == CHURNED) & (terms["notice"] <= self.as_of)
        successor = terms.loc[~terms["is_addon"], ["account", "start"]].assign(has_successor=True)
        terms = terms.merge(successor, left_on=["account", "end"], right_on=["account", "start"], how="left",
                            suffixes=("", "_next"))  # fmt: skip
        terms["status"] = np.select([leaves, terms["has_successor"].notna()], ["churned", "renewed"], "active")
        terms = terms.sort_values(["account", "start", "is_addon"])
        number = terms["contract_number"].map("{:d}".format) + np.where(terms["is_addon"], "A", "")
        return pd.DataFrame({
            "contract_id": "C" + pd.Series(self.ids[terms["account"]], terms.index) + "-" + number,
            "account_id": self.ids[terms["account"]],
            "start_date": terms["start"],
            "end_date": terms["end"],
            "seats": terms["seats"],
            "mrr": terms["mrr"],
            "product": PRODUCTS[terms["product"]],
            "status": terms["status"],
            "notice_date": terms["notice"].where(terms["status"] == "churned"),
            "recorded_at": day_stamps(terms["signed"]),
        })  # fmt: skip

    def _without_unfiled(self, terms: pd.DataFrame) -> pd.DataFrame:
        """Two renewals of the last months that nobody has filed: the customer goes on, the paper does not."""
        age = (self.as_of - terms["start"].to_numpy().astype("M8[D]")).astype(int)
        first = terms.groupby("account")["start"].transform("min")
        recent = terms[(age > 45) & (age < 120) & (terms["start"] > first) & ~terms["is_addon"]]
        return terms.drop(recent.index[:2])

    def users(self) -> pd.DataFrame:
        life, of = self.life, self.life.people.slot_account
        number = life.people.slot_number
        is_given = number < life.seats_then.max(axis=1)[of]
        is_missing = (number > 2) & (self.rng.random(len(of)) < 0.01)
        slot = np.flatnonzero(is_given & ~is_missing)
        is_active = life.active_month[slot] < NEVER
        month = np.where(is_active, life.active_month[slot], 0)
        date = life.calendar.day_one(month) + life.active_day[slot] - is_active
        return pd.DataFrame({
            "user_id": self._user_ids(slot),
            "account_id": self.ids[of[slot]],
            "activated_date": pd.Series(np.where(is_active, date, np.datetime64("NaT"))),
            "role": ROLES[np.minimum(number[slot], 3)],
        })  # fmt: skip

    def _user_ids(self, slot: np.ndarray) -> np.ndarray:
        number = np.char.mod("-%03d", self.life.people.slot_number[slot] + 1)
        return np.char.add(self.ids[self.life.people.slot_account[slot]], number)

    def _coded_users(self, slot: np.ndarray) -> pd.Categorical:
        """User ids as categories: millions of rows, few different ids; a slot below 0 is nobody."""
        seen, code = np.unique(slot[slot >= 0], return_inverse=True)
        codes = np.full(len(slot), -1)
        codes[slot >= 0] = code
        return pd.Categorical.from_codes(codes, self._user_ids(seen))

    def usage_events(self) -> pd.DataFrame:
        log = self._log("usage").sort_values(["slot", "month", "day", "kind"], ignore_index=True)
        hour = self.rng.choice(CLOCK, len(log), p=CLOCK_SHARE)
        happened, recorded = self._stamped(log, hour, USAGE_LATE_SHARE)
        slot = log["slot"].to_numpy()
        quantity = log["quantity"].where(log["kind"] == "card_scan").astype("Int32")
        frame = pd.DataFrame({
            "account_id": pd.Categorical.from_codes(self.life.people.slot_account[slot], self.ids),
            "user_id": self._coded_users(slot),
            "occurred_at": happened,
            "event_type": log["kind"].astype("category"),
            "quantity": quantity,
            "recorded_at": recorded,
            "hour": hour,
        })  # fmt: skip
        frame = frame[~(log["recorded"] > self.as_of)]
        order = np.lexsort((frame["occurred_at"].cat.codes, slot[frame.index]))
        return frame.iloc[order].drop(columns="hour").reset_index(drop=True)

    def _stamped(self, log: pd.DataFrame, hour: np.ndarray, share) -> tuple[pd.Categorical, pd.Categorical]:
        """Stamps of the time it happened and of its recording; adds the column `recorded` (date) to the log."""
        calendar = self.life.calendar
        date = calendar.day_one(log["month"].to_numpy()) + log["day"].to_numpy() - 1
        log["recorded"] = self._late(date, share)
        return month_stamps(date, hour), month_stamps(log["recorded"].to_numpy().astype("M8[D]"), hour)

    def touches(self) -> pd.DataFrame:
        log = self._log("touches").sort_values(["account", "month", "day", "slot", "kind"], ignore_index=True)
        hour = self.rng.choice(CLOCK, len(log), p=CLOCK_SHARE)
        slow = log["kind"].isin(["mid_review", "final_review"])
        happened, recorded = self._stamped(log, hour, np.where(slow, 0.2, LATE_SHARE))
        frame = pd.DataFrame({
            "touch_id": np.char.add(self.ids[log["account"]], np.char.mod("-T%05d", log.groupby("account").cumcount())),
            "account_id": pd.Categorical.from_codes(log["account"], self.ids),
            "occurred_at": happened,
            "touch_type": log["kind"].astype("category"),
            "user_id": self._coded_users(log["slot"].to_numpy()),
            "content_id": log["content"].where(log["content"] != "").astype("category"),
            "progress": log["progress"],
            "recipients": log["recipients"].where(log["recipients"] >= 0).astype("Int32"),
            "responded": log["responded"].map({0: False, 1: True, -1: None}).astype("boolean"),
            "recorded_at": recorded,
        })  # fmt: skip
        return frame[~(log["recorded"] > self.as_of)].reset_index(drop=True)

    def meetings(self) -> pd.DataFrame:
        log = self._log("meetings").sort_values(["account", "date"], ignore_index=True)
        is_past = log["date"] <= self.as_of
        recorded = self._late(log["date"].to_numpy()).where(is_past, log["booked"])
        frame = pd.DataFrame({
            "meeting_id": np.char.mod("-M%03d", log.groupby("account").cumcount()),
            "account_id": self.ids[log["account"]],
            "scheduled_date": log["date"],
            "held": log["held"].astype("boolean").where(is_past),
            "with_keyman": log["keyman"],
            "with_decision_maker": log["decision_maker"],
            "kind": log["kind"],
            "owner": self.owners[self.life.people.owner[log["account"]]],
            "recorded_at": recorded,
        })  # fmt: skip
        frame["meeting_id"] = frame["account_id"] + frame["meeting_id"]
        return self._known(frame)

    def milestones(self) -> pd.DataFrame:
        """Success is every milestone in time; otherwise the last one, and maybe others, come late or never."""
        frames, rng, count = [], self.rng, len(self.ids)
        for name, offset in MILESTONES.items():
            due = self.start + offset
            is_last = name == "first_value"
            fails = ~self.life.is_onboarded & (is_last | (rng.random(count) < 0.35))
            in_time = np.maximum(self.start, due - rng.integers(0, 9, count))
            never = fails & (rng.random(count) < 0.4)
            done = np.where(fails, due + rng.integers(6, 60, count), in_time)
            done = np.where(never | (done > self.as_of), np.datetime64("NaT"), done)
            frame = pd.DataFrame({"account_id": self.ids, "milestone": name, "due_date": due})
            frame["due_date"] = frame["due_date"].where(is_last | (rng.random(count) > 0.03))
            frame["completed_date"] = done
            frame["recorded_at"] = self._late(done)
            frames.append(frame[~(never & (rng.random(count) < 0.3))])
        return self._known(pd.concat(frames).sort_values("account_id", kind="stable"))

    def surveys(self) -> pd.DataFrame:
        """A recommendation survey every half year, a value survey once a year; fewer answers from the unengaged."""
        life, rng = self.life, self.rng
        account, month = np.nonzero(life.seats_then > 0)
        age = month - life.people.start_month[account]
        is_value = age % 12 == 11
        sent = (age % 6 == 4) | is_value
        account, month, is_value = account[sent], month[sent], is_value[sent]
        level = np.nan_to_num(life.engagement[account, month])
        date = life.calendar.date(month, rng.integers(3, 25, len(account)))
        date = np.minimum(np.where(month == life.calendar.months - 1, self.as_of - 5, date), date)
        is_answered = rng.random(len(account)) < 1 / (1 + np.exp(0.3 - 0.5 * level))
        answered = date + rng.integers(1, 20, len(account))
        is_answered &= answered <= self.as_of
        nps = np.clip(np.round(7 + 1.1 * level + rng.normal(0, 1.7, len(account))), 0, 10)
        score = np.where(is_value, np.clip(np.round(nps / 2), 1, 5), nps)
        return pd.DataFrame({
            "survey_id": np.char.mod("S%06d", month * 1000) if not len(account) else np.char.add(
                self.ids[account], np.char.mod("-S%02d", month)),
            "account_id": self.ids[account],
            "sent_date": date,
            "kind": np.where(is_value, "value", "nps"),
            "answered_date": pd.Series(np.where(is_answered, answered, np.datetime64("NaT"))),
            "score": pd.array(np.where(is_answered, score, np.nan), dtype="Int64"),
        })  # fmt: skip

    def goals(self) -> pd.DataFrame:
        keys = ["account", "number"]
        agreed, achieved = self._log("goals_agreed"), self._log("goals_achieved")
        log = agreed.merge(achieved, on=keys, how="left", suffixes=("", "_achieved")).sort_values(keys, ignore_index=True)
        due = log["date"] + pd.to_timedelta(self.rng.integers(180, 365, len(log)), unit="D")
        known = log["date_achieved"].fillna(log["date"])
        return self._known(pd.DataFrame({
            "goal_id": np.char.add(self.ids[log["account"]], np.char.mod("-G%d", log["number"] + 1)),
            "account_id": self.ids[log["account"]],
            "agreed_date": log["date"],
            "due_date": due.where(self.rng.random(len(log)) < 0.85),
            "achieved_date": log["date_achieved"],
            "view": np.array(GOALS)[(self.life.people.goal[log["account"]] + log["number"] * (log["number"] > 1)) % 4],
            "recorded_at": self._late(known.to_numpy()),
        }))  # fmt: skip

    def ratings(self) -> pd.DataFrame:
        """The team's word, by account and month: relations twice a year, the rest now and then."""
        life, rng = self.life, self.rng
        account, month = np.nonzero(life.seats_then > 0)
        level = np.nan_to_num(life.engagement[account, month]) + rng.normal(0, 0.8, len(account))
        tercile = np.searchsorted([-0.7, 0.6], level)
        age = month - life.people.start_month[account]
        cell = np.array(["silent", "unsatisfied", "unwanted", "thanks"])[np.clip(tercile + rng.integers(0, 2, len(level)), 0, 3)]
        frames = []
        for kind, chance, value, lasts in (
            ("keyman_relation", np.where(age % 6 == 3, 0.8, 0.0), np.array(["weak", "normal", "good"])[tercile], 0),
            ("manual_score", 0.015, np.array(["red", "yellow", "green"])[tercile], 90),
            ("value_matrix", np.where(age % 12 == 9, 0.5, 0.0), cell, 0),
            ("stop_request", 0.002, np.full(len(account), "yes"), 120),
        ):
            who = rng.random(len(account)) < chance
            date = np.minimum(life.calendar.date(month[who], rng.integers(1, 29, int(who.sum()))), self.as_of)
            frames.append(pd.DataFrame({
                "account_id": self.ids[account[who]],
                "kind": kind,
                "value": value[who],
                "set_date": date,
                "author": self.owners[life.people.owner[account[who]]],
                "expires_date": pd.Series(date + lasts) if lasts else pd.NaT,
            }))  # fmt: skip
        return pd.concat(frames).sort_values(["account_id", "kind", "set_date"], ignore_index=True)

    def feedback(self) -> pd.DataFrame:
        """The managers' word on entries of the weekly lists of the last half year."""
        life, rng = self.life, self.rng
        months = np.arange(max(0, life.calendar.months - 6), life.calendar.months)
        account, month = np.nonzero((life.health[:, months] < 25) & (rng.random((len(self.ids), len(months))) < 0.08))
        date = life.calendar.date(months[month], rng.integers(1, 22, len(account)))
        week = pd.Series(pd.to_datetime(date)).dt.strftime("%G-W%V")
        should_not = rng.random(len(account)) < 0.3
        return pd.DataFrame({
            "account_id": self.ids[account],
            "week": week,
            "verdict": np.where(should_not, "should_not_contact", "useful"),
            "note": np.where(should_not, rng.choice(["連絡したばかり", "waiting for their answer"], len(account)), None),
        })  # fmt: skip

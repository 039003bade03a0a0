"""Who the simulated customers are before anything happens: names, managers, sizes, starts, inclinations.

People are a namespace of arrays: one entry per account, or (`user_*`) one per user it may ever have.
"""

from types import SimpleNamespace

import numpy as np

INDUSTRIES = ("construction", "finance", "healthcare", "it_services", "logistics", "manufacturing", "wholesale")
GOALS = ("finance", "customer", "process", "learning")
OPEN_TERM = 0
TWINS = ("株式会社青葉坂商会", "青葉坂商会株式会社")
WORDS = (
    "青葉坂 白樺台 朝凪 緑ヶ浜 星見野 若竹原 雲雀丘 水鏡 夕凪 風花 月白 花霞 霧島野 椿坂 琥珀 茜沢 藍染川 鈴音 "
    "木漏日 紫陽台 髙嶺野 千草原 真珠浦 春日影 銀杏坂",
    "商事 製作所 電機 物流 食品 印刷 建設 薬品 システムズ 不動産 繊維 化学 精機 出版 倉庫",
    "Bluepine Northquay Amberfield Silverbrook Kitewind Mapleforge Tidewell Foxmere Larkstone Brightcove "
    "Cedarline Hollowby Stonewick Ferncliff Oakmarsh",
    "Works Logistics Foods Printing Systems Pharma Textiles Instruments Trading Estates",
    "K.K. Ltd. Inc.",
)


def account_ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ascending ids as text, five digits at least, so that many begin with a zero."""
    return np.char.mod("%05d", 100 + np.cumsum(rng.integers(1, 41, count)))


def account_names(rng: np.random.Generator, count: int) -> np.ndarray:
    """Invented Japanese (about two thirds) and English names; when they run out, numbered ones.

    The first two accounts are different customers whose names look like one.
    """
    places, trades, words, works, forms = (line.split() for line in WORDS)
    names = [f"株式会社{place}{trade}" for place in places for trade in trades]
    names += [f"{place}{trade}株式会社" for place in places for trade in trades]
    names += [f"{word} {work} {form}" for word in words for work in works for form in forms]
    shuffled = rng.permutation(np.array(names, dtype=object))
    turn, index = np.divmod(np.arange(count), len(shuffled))
    chosen = np.where(turn > 0, shuffled[index] + " " + (turn + 1).astype(str).astype(object), shuffled[index])
    chosen[:2] = TWINS[:count]
    return chosen


def draw_managers(rng: np.random.Generator, count: int, world) -> SimpleNamespace:
    """Managers with their clustered effects; the first `enterprise` of them serve enterprise accounts."""
    spreads = {"churn": world.manager_churn_sd, "engagement": world.manager_engagement_sd, "contact": 0.45}
    effects = {name: rng.normal(0, spread, count) for name, spread in spreads.items()}
    return SimpleNamespace(count=count, enterprise=count // 5, **effects)


def draw_people(rng: np.random.Generator, count: int, months: int, managers, world) -> SimpleNamespace:
    """Accounts that start all over the period, more of them early, so that outcomes a year later exist.

    Onboarding succeeds more often in some segments, sizes and industries, which also use the service more:
    confounding by what is recorded, so that a naive comparison is too high and an adjusted one is not. Where the
    world has a hidden trait, it raises both as well, and no table tells of it.
    """
    enterprise = rng.random(count) < 0.10
    of_enterprise = rng.integers(0, managers.enterprise, count)
    owner = np.where(enterprise, of_enterprise, rng.integers(managers.enterprise, managers.count, count))
    industry = rng.integers(0, len(INDUSTRIES), count)
    size = np.exp(rng.normal(np.where(enterprise, 3.95, 2.45), np.where(enterprise, 0.35, 0.5)))
    seats = np.clip(np.round(size), np.where(enterprise, 30, 5), np.where(enterprise, 120, 45)).astype(int)
    lead = 0.35 * enterprise + 0.15 * (industry - 3) + 0.2 * (np.log(seats) - 2.7)
    hidden = world.hidden * rng.normal(size=count) if world.hidden else np.zeros(count)
    lead = world.lead * lead + hidden
    onboarded = rng.random(count) < expit(0.3 + 1.3 * lead)
    target = np.maximum(np.round(seats / rng.uniform(0.18, 0.85, count)), 1)
    capacity = np.ceil(seats * 1.8).astype(int) + 2
    brought = world.brought * np.exp(rng.normal(0, 1.1, count)) if world.brought else np.zeros(count)
    return SimpleNamespace(
        count=count, is_enterprise=enterprise, segment=np.where(enterprise, "enterprise", "smb"), owner=owner,
        industry=industry, seats=seats, capacity=capacity,
        is_onboarded=onboarded, hidden=hidden, brought=brought,
        target_users=np.where(rng.random(count) < 0.15, np.nan, target),
        goal=rng.integers(0, len(GOALS), count),
        start_month=np.floor(months * rng.random(count) ** 1.6).astype(int),
        start_day=np.where(rng.random(count) < 0.7, 1, rng.integers(1, 32, count)),
        term_months=rng.choice([12, 6, 24, OPEN_TERM], count, p=[0.92, 0.04, 0.03, 0.01]),
        product=rng.choice(3, count, p=[0.35, 0.45, 0.20]),
        inclination=lead + managers.engagement[owner] + rng.normal(0, 0.65, count),
        goal_count=rng.choice(5, count, p=[0.08, 0.22, 0.30, 0.25, 0.15]),
        user_account=np.repeat(np.arange(count), capacity),
        user_number=np.arange(capacity.sum()) - np.repeat(np.cumsum(capacity) - capacity, capacity),
        user_inclination=rng.normal(0, 0.9, capacity.sum()),
    )


def identify(people: SimpleNamespace, ids: np.ndarray, names: np.ndarray) -> None:
    """Give people what only tables need: ids, names, and the codes of their users and managers."""
    people.id, people.name = ids, names
    people.user_id = np.char.add(ids[people.user_account], np.char.mod("-%03d", people.user_number + 1))
    people.owner_code = np.char.mod("CSM%02d", people.owner + 1)


def expit(x: np.ndarray) -> np.ndarray:
    """The inverse of the logit."""
    return 1 / (1 + np.exp(-x))

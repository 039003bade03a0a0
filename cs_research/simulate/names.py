"""Invented names and identifiers of the simulated companies; no person is named anywhere."""

import numpy as np

# fmt: off
JA_FIRST = (
    "青葉坂", "白樺台", "朝凪", "緑ヶ浜", "星見野", "若竹原", "雲雀丘", "水鏡", "夕凪",
    "風花", "月白", "花霞", "霧島野", "椿坂", "琥珀", "茜沢", "藍染川", "鈴音",
    "木漏日", "紫陽台", "髙嶺野", "千草原", "真珠浦", "春日影", "銀杏坂",
)
JA_TRADE = (
    "商事", "製作所", "電機", "物流", "食品", "印刷", "建設", "薬品",
    "システムズ", "不動産", "繊維", "化学", "精機", "出版", "倉庫",
)
EN_FIRST = (
    "Bluepine", "Northquay", "Amberfield", "Silverbrook", "Kitewind", "Mapleforge", "Tidewell",
    "Foxmere", "Larkstone", "Brightcove", "Cedarline", "Hollowby", "Stonewick", "Ferncliff",
    "Oakmarsh",
)
EN_TRADE = (
    "Works", "Logistics", "Foods", "Printing", "Systems", "Pharma",
    "Textiles", "Instruments", "Trading", "Estates",
)
# fmt: on
EN_FORM = ("K.K.", "Ltd.", "Inc.")
TWINS = ("株式会社青葉坂商会", "青葉坂商会株式会社")


def account_ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ascending ids as text, five digits at least, so that many begin with a zero."""
    return np.char.mod("%05d", 100 + np.cumsum(rng.integers(1, 41, count)))


def account_names(rng: np.random.Generator, count: int) -> np.ndarray:
    """Japanese (about two thirds) and English names; when they run out, numbered ones.

    The first two accounts are different customers whose names look like one.
    """
    names = [f"株式会社{first}{trade}" for first in JA_FIRST for trade in JA_TRADE]
    names += [f"{first}{trade}株式会社" for first in JA_FIRST for trade in JA_TRADE]
    names += [f"{first} {trade} {form}" for first in EN_FIRST for trade in EN_TRADE for form in EN_FORM]
    shuffled = rng.permutation(np.array(names, dtype=object))
    turn, index = np.divmod(np.arange(count), len(shuffled))
    chosen = shuffled[index]
    again = turn > 0
    chosen[again] = chosen[again] + " " + (turn[again] + 1).astype(str).astype(object)
    chosen[: min(2, count)] = TWINS[: min(2, count)]
    return chosen


def owner_codes(count: int) -> np.ndarray:
    """Manager codes CSM01, CSM02, ..."""
    return np.char.mod("CSM%02d", np.arange(1, count + 1))

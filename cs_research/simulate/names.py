"""Invented names and identifiers of the simulated companies; no person is named anywhere."""

import numpy as np

JA_FIRST = tuple(
    "青葉坂 白樺台 朝凪 緑ヶ浜 星見野 若竹原 雲雀丘 水鏡 夕凪 風花 月白 花霞 霧島野 椿坂 琥珀 茜沢 藍染川 鈴音 木漏日 紫陽台 髙嶺野 千草原 真珠浦 春日影 銀杏坂".split()
)
JA_TRADE = tuple("商事 製作所 電機 物流 食品 印刷 建設 薬品 システムズ 不動産 繊維 化学 精機 出版 倉庫".split())
EN_FIRST = tuple(
    "Bluepine Northquay Amberfield Silverbrook Kitewind Mapleforge Tidewell Foxmere Larkstone Brightcove "
    "Cedarline Hollowby Stonewick Ferncliff Oakmarsh".split()
)
EN_TRADE = tuple("Works Logistics Foods Printing Systems Pharma Textiles Instruments Trading Estates".split())
EN_FORM = ("K.K.", "Ltd.", "Inc.")


def account_ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ascending ids as text, five digits at least, so that many begin with a zero."""
    return np.char.mod("%05d", 100 + np.cumsum(rng.integers(1, 41, count)))


def account_names(rng: np.random.Generator, count: int) -> np.ndarray:
    """Japanese (two thirds) and English names; when they run out, branches of the same ones.

    The second account repeats the first one's name in another form: two customers, one likely "duplicate".
    """
    japanese = [f"株式会社{a}{b}" for a in JA_FIRST for b in JA_TRADE]
    japanese += [f"{a}{b}株式会社" for a in JA_FIRST for b in JA_TRADE]
    english = [f"{a} {b} {c}" for a in EN_FIRST for b in EN_TRADE for c in EN_FORM]
    names = rng.permutation(np.array(japanese + english))
    index = np.arange(count)
    turn = index // len(names)
    chosen = names[index % len(names)]
    chosen = np.where(turn > 0, np.char.add(chosen, np.char.mod(" (%d)", turn + 1)), chosen)
    twins = ["株式会社青葉坂商会", "青葉坂商会株式会社"]
    chosen = chosen.astype(object)
    chosen[: min(2, count)] = twins[: min(2, count)]
    return chosen


def owner_codes(count: int) -> np.ndarray:
    """Manager codes CSM01, CSM02, ..."""
    return np.char.mod("CSM%02d", np.arange(1, count + 1))

"""Where the numbers come from: rows counted, what is not measured, the definitions, the words, the notebooks."""

import json
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.phrases import called, joined, label, phrases, say, told
from cs_research.report.sections.quadrant import touch_cut
from cs_research.report.view import View

COUNTS = ["rows_in", "accepted", "quarantined", "excluded"]


def footer_section(view: View) -> dict:
    """The four columns and the links below them."""
    return {"data": _data(view), "not_measured": _not_measured(view), "definitions": _definitions(view),
            "words": list(phrases()["f_glossary"].items()), "notebooks": notebooks(view)}


def notebooks(view: View) -> list[dict]:
    """The pages of the notebooks that this run has executed, in their order."""
    names = sorted(path.stem for path in (Path(view.run.folder) / "notebooks").glob("*.ipynb"))
    return [{"name": name, "href": f"{name}.html", "title": phrases().get(f"nb_{name}", name)} for name in names]


def _data(view: View) -> dict:
    files = view.run.files
    is_correction = files["table"] == "corrections"
    total, corrected = files.loc[~is_correction, COUNTS].sum(), int(files.loc[is_correction, "rows_in"].sum())
    accounted = int(total["accepted"] + total["quarantined"] + total["excluded"])
    rows_in = int(total["rows_in"])
    share = say("f_apart", share=formats.percent(total["quarantined"] / rows_in)) if total["quarantined"] else ""
    by_table = files.groupby("table", sort=True).agg(files=("file", "size"), **{c: (c, "sum") for c in COUNTS})
    codes = {table: _codes(rows["codes"]) for table, rows in files.groupby("table")}
    return {"lines": [(say("f_in"), formats.count(rows_in), ""),
                      (say("f_accepted"), formats.count(total["accepted"]), ""),
                      (say("f_quarantined"), formats.count(total["quarantined"]), share),
                      (say("f_excluded"), formats.count(total["excluded"]), ""),
                      *([(say("f_corrections"), formats.count(corrected), say("f_corrected"))] if corrected else [])],
            "holds": [say("f_hold", code=hold["code"], sentence=told(hold["sentence"], view.words))
                      for hold in view.run.holds],
            "sums": say("f_sums") if accounted == rows_in else say("f_sums_not", in_=rows_in, out=accounted),
            "tables": [{"name": called(view.words, str(table)), "files": formats.count(row["files"]),
                        "codes": codes[table], "counts": [formats.count(row[c]) for c in COUNTS]}
                       for table, row in by_table.iterrows()]}


def _codes(column: pd.Series) -> str:
    """The marks of a table's files added up, as "W_RECIPIENTS 3, R_DATE 1"; each cell is JSON or a mapping."""
    total: dict[str, int] = {}
    for cell in column:
        marks = json.loads(cell) if isinstance(cell, str) and cell else cell
        for code, n in (marks or {}).items() if isinstance(marks, dict) else ():
            total[code] = total.get(code, 0) + int(n)
    return ", ".join(f"{code} {formats.count(n)}" for code, n in sorted(total.items()))


def _not_measured(view: View) -> list[Markup]:
    told = []
    tables = sorted(set(view.definitions.tables) - view.tables)
    if tables:
        told.append(say("f_no_tables", tables=joined(called(view.words, t) for t in tables)))
    never, partly = _indicators(view)
    if never:
        told.append(say("f_no_indicators", indicators=joined(never)))
    if partly:
        told.append(say("f_partly", indicators=joined(partly)))
    return [*(told or [say("f_all")]), say("f_today")]


def _indicators(view: View) -> tuple[list[str], list[str]]:
    """Names of the card's indicators that no account, or not every account, has this month."""
    share = view.indicators[view.indicators["month"] == view.month].groupby("indicator")["points"].agg(
        lambda points: points.notna().mean())
    names = {i.id: label(i.name) for i in view.card.indicators}
    return ([name for i, name in names.items() if share.get(i, 0) == 0],
            [name + say("brackets", text=formats.percent(share[i])) for i, name in names.items()
             if 0 < share.get(i, 0) < 1])


def _definitions(view: View) -> list[Markup]:
    card = view.card
    bands = joined(say("f_band", band=called(view.words, band), cut=f"{cut:g}")
                   for band, cut in zip(card.bands[:-1], card.overall_cuts, strict=True))
    told = [say("f_card", card=card.name, version=card.version, n=len(card.indicators), bands=bands,
                low=f"{view.edges[0]:g}", high=f"{view.edges[-1]:g}", health=f"{view.health_cut:g}",
                touch=touch_cut(view)), say("f_retention"),
            say("f_clusters_owner" if view.managers else "f_clusters_account")]
    about = view.run.dataset
    if about.get("source") or about.get("licence"):
        told.append(say("f_source", source=about.get("source") or "–", licence=about.get("licence") or "–"))
    return told

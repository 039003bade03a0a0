"""Turns executed notebooks into pages: prose and outputs, code left out; their tables into files for spreadsheets.

Only what the template writes reaches a page, and it writes no time, id or path: same run, same bytes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cs_research.display import ROWS, Table
from cs_research.report.phrases import phrases, speaking
from cs_research.report.rendering import environment, stylesheet
from cs_research.report.sanitise import safe_html, safe_svg
from cs_research.report.spreadsheet import write_tables
from cs_research.report.translation import english, in_language, translated
from cs_research.run import Run

_ACCOUNT = re.compile(r'<span class="account ([0-9a-f]{16})">(.*?)</span>', re.DOTALL)


def write_notebook_pages(run: Run, names: Sequence[str], accounts: Mapping[str, str], lang: str = "en") -> list[Path]:
    """Write `<run>/<name>.html` for each executed notebook of the run, every one with links to all others, and
    `<run>/accounts/<stem>.html` for those of single accounts (stem -> account_id), in `lang`: leadership opens them."""
    notebooks = {name: _read(run, name) for name in names}
    titles = {name: _title(notebook, name) for name, notebook in notebooks.items()}
    pages = []
    for name, notebook in notebooks.items():
        links = [{"href": f"{other}.html", "title": title, "is_here": other == name}
                 for other, title in titles.items()]
        pages.append(_write(run, name, notebook, _about(run, titles[name], links, accounts)))
    facts = run.account_facts.set_index("account_id")["account_name"] if accounts else {}
    links = [{"href": f"../{name}.html", "title": title, "is_here": False} for name, title in titles.items()]
    with speaking(lang):
        words = english(run.definitions)
        links = [link | {"title": phrases().get(f"nb_{name}", link["title"])}
                 for name, link in zip(titles, links, strict=True)]
        for stem, account in accounts.items():
            notebook, name = _read(run, f"account/{stem}"), facts[account]
            notebook.cells = notebook.cells[1:]  # its title: the account's name takes the place
            about = _about(run, name if isinstance(name, str) else account, links, accounts, "../") | {"lang": lang}
            pages.append(_write(run, f"accounts/{stem}", notebook, about, words))
    return pages


def _read(run: Run, name: str) -> Any:
    import nbformat

    return nbformat.read(run.folder / "notebooks" / f"{name}.ipynb", as_version=4)


def _write(run: Run, name: str, notebook: Any, about: dict[str, Any], words: Mapping[str, str] | None = None) -> Path:
    path, file = run.folder / f"{name}.html", name.replace("/", "-")
    path.parent.mkdir(exist_ok=True)
    text, tables = page(notebook, about, f"{about['root']}exports/{file}")
    path.write_text(in_language(text, words or {}), encoding="utf-8", newline="\n")
    tables = {translated(name, words or {}): table for name, table in tables.items()}
    write_tables(run.folder / "exports" / file, tables, {"Page": name} | dict(about["stamp"]))
    return path


def page(notebook: Any, about: Mapping[str, Any], files: str = "") -> tuple[str, dict[str, Table]]:
    """The text of the page of one notebook, and its tables by number and question; `files` begins their names."""
    figures, tables, parts, question = count(1), {}, [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(f'<section class="prose">\n{_prose(cell.source)}\n</section>')
            question = next((line[3:] for line in cell.source.splitlines() if line.startswith("## ")), question)
        for output in cell.get("outputs", []):
            parts.append(_linked(_shown(output, figures), about))
            if ROWS in output.get("data", {}):
                rows, heads, caption = output["data"][ROWS]
                tables[f"{len(tables) + 1} {question}"] = Table(rows, dict(heads), caption)
                link = f'<a href="{files}-{len(tables)}.csv" aria-label="CSV: {escape(question)}" download>CSV</a>'
                parts.append(f'<p class="get">{link}</p>')
    excel = f"{files}.xlsx" if tables else ""
    return environment().get_template("notebook.html.j2").render(**about, parts=map(Markup, parts), excel=excel), tables


def _linked(html: str, about: Mapping[str, Any]) -> str:
    """Names of accounts lead to the pages of those that have one. A table marks them (display.Table)."""
    return _ACCOUNT.sub(lambda name: f'<a href="{about["root"]}accounts/{name[1]}.html">{name[2]}</a>'
                        if name[1] in about["accounts"] else name[2], html)


def _about(run: Run, title: str, links: list[dict[str, Any]], accounts: Mapping[str, str],
           root: str = "") -> dict[str, Any]:
    about = run.about
    card = run.card()
    stamp = [
        ("Month", about["month"]), ("As of", f"{about['as_of']} ({run.dataset['zone']})"),
        ("Data set", run.dataset["name"] + (" (simulated)" if run.dataset["simulated"] else "")),
        ("Licence", run.dataset["licence"] or "not stated"), ("Scorecard", f"{card.name} {card.version}"),
        ("Run", about["id"]), ("Made by", f"cs-research {about['version']}"),
    ]
    return {"page_title": f"{title} · {run.dataset['name']} · {about['month']}", "root": root, "links": links,
            "accounts": accounts, "stamp": stamp, "css": stylesheet("notebook"), "lang": "en",
            "dataset": run.dataset["name"], "month": about["month"], "simulated": run.dataset["simulated"]}


def _title(notebook: Any, name: str) -> str:
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("# "):
                return line[2:].strip()
    return name


def _prose(markdown: str) -> str:
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return safe_html(MarkdownWithMath(renderer=renderer).render(markdown))


def _shown(output: Any, figures: Iterator[int]) -> str:
    """One output of a cell: the drawing before the table before the text; what went to stderr, and what only helps
    in JupyterLab, is left out."""
    if output.output_type == "stream":
        return f'<pre tabindex="0">{escape(output.text)}</pre>' if output.name == "stdout" else ""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        return f'<figure tabindex="0">{safe_svg(data["image/svg+xml"], f"fig{next(figures)}")}</figure>'
    if "text/html" in data:
        reach = ' tabindex="0"' if "<table" in data["text/html"] else ""
        html = re.sub(r'<p class="lab">.*?</p>', "", data["text/html"], flags=re.DOTALL)
        return f'<div class="output"{reach}>{safe_html(html)}</div>' if html else ""
    if "text/markdown" in data:
        return f'<div class="output">{_prose(data["text/markdown"])}</div>'
    return f'<pre tabindex="0">{escape(data["text/plain"])}</pre>' if "text/plain" in data else ""

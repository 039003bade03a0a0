"""Turns executed notebooks into pages: prose and outputs by our own nbconvert template, code left out.

Only what the template writes reaches a page, and it writes no time, id or path: same run, same bytes.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from cs_research.report.page import stylesheet
from cs_research.report.sanitise import safe_html, safe_svg
from cs_research.run import Run

TEMPLATES = Path(__file__).parent / "templates"


def write_notebook_pages(run: Run, names: Sequence[str]) -> list[Path]:
    """Write `<run>/<name>.html` for each executed notebook of the run; every page links to all others."""
    import nbformat

    notebooks = {name: nbformat.read(run.folder / "notebooks" / f"{name}.ipynb", as_version=4) for name in names}
    titles = {name: _title(notebook, name) for name, notebook in notebooks.items()}
    pages = []
    for name, notebook in notebooks.items():
        links = [{"href": f"{other}.html", "title": title, "is_here": other == name}
                 for other, title in titles.items()]
        path = run.folder / f"{name}.html"
        path.write_text(page(notebook, _about(run, titles[name], links)), encoding="utf-8", newline="\n")
        pages.append(path)
    return pages


def page(notebook: Any, about: Mapping[str, Any]) -> str:
    """The text of the page of one notebook."""
    from nbconvert.exporters import TemplateExporter

    figures = count(1)
    exporter = TemplateExporter(
        extra_template_basedirs=[str(TEMPLATES)], template_name="notebook", file_extension=".html",
        filters={"prose": _prose, "shown": lambda output: _shown(output, figures)},
    )
    text, _ = exporter.from_notebook_node(notebook, resources={"page": dict(about)})
    return text


def _about(run: Run, title: str, links: list[dict[str, Any]]) -> dict[str, Any]:
    about = run.about
    card = run.definitions.scorecards[run.dataset["scorecard"]]
    stamp = [
        ("Month", about["month"]), ("As of", f"{about['as_of']} ({run.dataset['zone']})"),
        ("Data set", run.dataset["name"] + (" (simulated)" if run.dataset["simulated"] else "")),
        ("Licence", run.dataset["licence"] or "not stated"), ("Scorecard", f"{card.name} {card.version}"),
        ("Run", about["id"]), ("Made by", f"cs-research {about['version']}"),
    ]
    return {"title": title, "links": links, "stamp": stamp, "css": _css(), "lang": about["parameters"]["lang"],
            "dataset": run.dataset["name"], "month": about["month"], "simulated": run.dataset["simulated"]}


def _css() -> str:
    return f"{stylesheet()}\n{(TEMPLATES / 'notebook' / 'notebook.css').read_text(encoding='utf-8')}"


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


def _shown(output: Any, figures: Any) -> str:
    """One output of a cell: the drawing before the table before the text; what went to stderr is left out."""
    from html import escape

    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>" if output.name == "stdout" else ""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        return f'<figure tabindex="0">{safe_svg(data["image/svg+xml"], f"fig{next(figures)}")}</figure>'
    if "text/html" in data:
        reach = ' tabindex="0"' if "<table" in data["text/html"] else ""  # what scrolls is reached by keyboard too
        return f'<div class="output"{reach}>{safe_html(data["text/html"])}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{_prose(data["text/markdown"])}</div>'
    return f"<pre>{escape(data['text/plain'])}</pre>" if "text/plain" in data else ""

"""Drawings of what is kept of revenue and accounts, of renewals, and of those ahead."""

from cs_research.display import COLOURS, Chart, drawing, nothing
from cs_research.figures.marks import some_months
from cs_research.figures.portfolio import lines_by_month
from cs_research.finding import Finding
from cs_research.numbers import count, number, percent


def draw_retention(finding: Finding) -> Chart:
    """GRR, NRR and the accounts kept, by month, over the line of churn (money.retention_by_month)."""
    over, level = (finding.details.get(name) for name in ("over", "level"))
    rows, key, title = finding.rows, "retention", f"Kept {over or 'over twelve months'}: revenue and accounts"
    title += f" (line: {percent(level)})" if level else ""
    if not rows:
        return nothing(key, title, finding)
    kept = [None if row["logo_churn"] is None else 1 - row["logo_churn"] for row in rows]
    lines = {"NRR": [row["nrr"] for row in rows], "GRR": [row["grr"] for row in rows], "accounts": kept}
    return lines_by_month(key, title, [row["month"][:7] for row in rows], lines, level)


def draw_churn(finding: Finding) -> Chart:
    """Logo and ARR churn by month, with the yearly line over twelve (money.churn_by_month)."""
    rows, key, title = finding.rows, "churn", "Churn by month, of the accounts and the ARR of its opening"
    if not rows:
        return nothing(key, title, finding)
    title += f" (line: {percent(finding.details['line'])})"
    lines = {"ARR": [row["arr_churn"] for row in rows], "accounts": [row["logo_churn"] for row in rows]}
    return lines_by_month(key, title, [row["month"][:7] for row in rows], lines, finding.details["line"])


def draw_bridge(finding: Finding, currency: str = "") -> Chart:
    """ARR from the opening to the closing, each step from where the last one ended (money.bridge)."""
    rows, key, title = finding.rows, "bridge", "ARR from a year ago to now"
    if not rows:
        return nothing(key, title, finding)
    unit, word = _unit(rows[-1]["arr"])
    digits = 1 if max(abs(row["arr"]) for row in rows) >= 10 * unit else 2
    words = "; ".join(f"{row['step']} {number(row['arr'] / unit, digits)}" for row in rows) + f" {word}"
    with drawing(key, title, words, 300) as (axes, chart):
        level = 0.0
        for x, row in enumerate(rows):
            amount, is_end = row["arr"] / unit, row["step"] in ("opening", "closing")
            colour = COLOURS["hex"] if is_end else COLOURS["accent"] if amount > 0 else COLOURS["lost"]
            axes.bar(x, amount, bottom=0 if is_end else level, color=colour, width=0.62)
            level = amount if is_end else level + amount
            top = max(level, level - (0 if is_end else amount))
            axes.text(x, top, number(amount, digits), ha="center", va="bottom")
        axes.set_xticks(range(len(rows)), [row["step"] for row in rows])
        axes.set_ylabel(" ".join(filter(None, ("ARR", currency, word))))
        axes.margins(y=0.12)
    return chart[0]


def draw_renewals(finding: Finding) -> Chart:
    """Renewals due by month and how they ended, lost at the bottom (money.renewals)."""
    rows, key, title = finding.rows, "renewals", "Renewals due by month and how they ended"
    if not rows:
        return nothing(key, title, finding)
    months, base = [row["month"][:7] for row in rows], [0] * len(rows)
    total = {name: sum(row[name] for row in rows) for name in ("churned", "contracted", "renewed", "expanded")}
    words = ", ".join(f"{name} {count(n)}" for name, n in total.items())
    with drawing(key, title, words, 280, right=0.82) as (axes, chart):
        for name, colour in zip(total, ("lost", "hex", "due", "accent"), strict=True):
            heights = [row[name] for row in rows]
            label = f"{name} {count(total[name])}"
            axes.bar(months, heights, bottom=base, color=COLOURS[colour], width=0.72, label=label)
            base = [low + high for low, high in zip(base, heights, strict=True)]
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, reverse=True, handlelength=1)
        some_months(axes, months)
    return chart[0]


def draw_forecast(finding: Finding, currency: str | None = None) -> Chart:
    """What is due and what is expected to be kept, summed up over the months ahead (forecast.renewal_forecast)."""
    rows, key, title = finding.rows, "forecast", "Terms that end in the months ahead, and what is kept of them"
    if not rows:
        return nothing(key, title, finding)
    unit, word = _unit(rows[-1]["due"])
    values = {name: [row[name] / unit for row in rows] for name in ("due", "kept", "lower", "upper")}
    with drawing(key, title, finding.sentence, 300, right=0.84) as (axes, chart):
        x = [row["months"] for row in rows]
        axes.fill_between(x, values["lower"], values["upper"], color=COLOURS["zone"], linewidth=0)
        for name, colour in (("due", "hex"), ("kept", "accent")):
            axes.plot(x, values[name], color=COLOURS[colour])
            axes.text(x[-1] + 0.2, values[name][-1], f"{name} {number(values[name][-1])}", va="center")
        axes.set_xticks(x, [row["month"][:7] if row["months"] % 3 == 0 else "" for row in rows])
        axes.set_ylim(bottom=0)
        axes.set_ylabel(" ".join(part for part in (currency, word) if part) or "sum")
    return chart[0]


def _unit(largest: float) -> tuple[float, str]:
    return next((u, w) for u, w in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1, ""))
                if abs(largest) >= u or u == 1)

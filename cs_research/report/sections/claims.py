"""The verdicts on the claims, each with a picture of how far the data are from it."""

from markupsafe import Markup

from cs_research.definitions.models import Claim
from cs_research.finding import Finding, tolerances
from cs_research.report import formats
from cs_research.report.charts import claim_row
from cs_research.report.phrases import joined, label, phrases, say, told
from cs_research.report.view import View

ORDER = ("supported", "contradicted", "cannot_tell")
MARKS = {"supported": "dot", "contradicted": "cross", "cannot_tell": "ring"}


def verdicts(view: View) -> dict[str, int]:
    """How many claims have which verdict; a claim without a Finding cannot be told."""
    found = [_verdict(view.findings.get(name)) for name in view.definitions.claims.claims]
    return {verdict: found.count(verdict) for verdict in ORDER}


def claims_section(view: View) -> dict:
    """One row per claim: those that hold first, then those that fail, then the open ones."""
    rules = view.definitions.claims
    rows = [_row(view, name, claim) for name, claim in rules.claims.items()]
    rows.sort(key=lambda row: ORDER.index(row["verdict"]))
    caption = say("v_caption", points=formats.number(100 * rules.rate_tolerance, 0), factor=rules.ratio_tolerance)
    return {"kicker": say("v_kicker"), "title": _title(verdicts(view)), "notebook": "07_claims", "rows": rows,
            "caption": caption}


def _title(counts: dict[str, int]) -> Markup:
    n, wrong, right = sum(counts.values()), counts["contradicted"], counts["supported"]
    holds = say("v_right", n=right, word=formats.word(right)) if right else say("v_right_none")
    return say("v_title_some" if wrong else "v_title_none", n=wrong, wrong=formats.word(wrong).capitalize(),
               claims=formats.word(n), right=holds)


def _verdict(found: Finding | None) -> str:
    return found.verdict if found is not None and found.verdict in ORDER else "cannot_tell"


def _row(view: View, name: str, claim: Claim) -> dict:
    found = view.findings.get(name)
    verdict = _verdict(found)
    measured = _measured(found, claim)
    alt = say("v_alt", claim=label(claim.text), measured=measured)
    claimed = _number(claim.value, claim) if claim.value is not None else say("v_direction")
    steps = tolerances(found, claim, view.definitions.claims) if found else None
    chart = claim_row(f"cl-{name}", MARKS[verdict], steps, claim.form == "direction",
                      say("v_no_data"), (alt, say("v_desc", claimed=claimed, verdict=say(verdict))))
    return {"claim": label(claim.text), "verdict": verdict, "word": say(verdict), "mark": MARKS[verdict],
            "measured": measured, "n": say("v_n", n=found.n if found else 0), "chart": chart,
            "words": _words(view, found, name)}


def _words(view: View, found: Finding | None, name: str) -> Markup | str:
    """Why the verdict is what it is, in one line; the notebook has the whole sentence."""
    if found is None:
        return say("v_untested")
    reason = found.details.get("reason")
    if not reason or found.estimate is None:
        return told(found.sentence, view.words)
    because = told(reason, view.words)
    return joined([say("sentence", text=because[0].upper() + because[1:]), phrases().get(f"caveat_{name}", "")], "gap")


def _measured(found: Finding | None, claim: Claim) -> Markup | str:
    """The estimate and its interval, in the unit of the claim."""
    if found is None or found.estimate is None:
        return say("v_not")
    unit = found.details.get("unit", claim.form)
    if found.lower is None or found.upper is None:
        return _number(found.estimate, claim, unit) + say("brackets", text=say("v_no_interval"))
    if claim.form == "rate":
        return f"{_number(found.estimate, claim, unit)} [{formats.percents(found.lower, found.upper)}]"
    low, high = (_number(x, claim, unit, alone=False) for x in (found.lower, found.upper))
    return f"{_number(found.estimate, claim, unit)} [{low}, {high}]"


def _number(x: float, claim: Claim, unit: str = "", alone: bool = True) -> str:
    """`unit` points: a difference of rates, of which 0.01 is a point. `alone`: with its sign and unit."""
    if claim.form == "rate":
        return formats.percent(x)
    if claim.form == "ratio":
        return ("×" if alone else "") + formats.number(x, 2)
    shown = formats.signed(100 * x, 0) if unit == "points" else formats.signed(x, 2)
    return say("pt", n=shown) if alone and unit == "points" else shown if alone else shown.lstrip("+")

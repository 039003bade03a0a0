"""A card calibrated to the outcomes of a data set: reads its run, prints what was found, writes a new card.

This layer names the steps; points are fitted and judged in studies.
"""

from pathlib import Path

from cs_research.definitions import definition_text
from cs_research.finding import Finding
from cs_research.pipeline import Request, run_month
from cs_research.run import open_run
from cs_research.runs import write_new


def write_calibrated(request: Request, out: Path | None = None, always: bool = False) -> tuple[Finding, Path | None]:
    """The Finding `calibrated_points` of the month's run, made if it is not there, and the new card's file.

    The card is written when the verdict is adopt, or `always` where its points are not the expert's own: to `out`, a
    file or a folder, as <card>-<version>.yml where it is a folder or not given. Raises as `run_month`, CannotWrite
    where the file is there.
    """
    from cs_research.studies import Evidence
    from cs_research.studies.calibrated_card import calibrated_points, new_card

    run = open_run(run_month(request).parent)
    request.progress("Fitting points to the outcomes", 0.95)
    evidence = Evidence.from_run(run)
    found = calibrated_points(evidence)
    if not found.details.get("version") or not (always or found.verdict == "adopt"):
        return found, None
    card = new_card(evidence, found)
    path = out or Path()
    path = path / f"{card.name}-{card.version}.yml" if path.is_dir() else path
    write_new(path, definition_text(card))
    return found, path

# ruff: noqa: F401  (the front door of the models)
"""The shape of every definition file: one frozen model per `kind`.

A model says what a key means, its unit and its limits; what the defaults are stands in `defaults/`.
"""

from typing import Any

from cs_research.definitions.models.acting import AlertRule, Alerts, Condition, When
from cs_research.definitions.models.base import Count, Frozen, Name, Text, Words
from cs_research.definitions.models.canonical import (
    Column,
    Counter,
    Described,
    Events,
    Measure,
    Measures,
    Needs,
    Outputs,
    Rating,
    Ratings,
    Table,
    Tables,
)
from cs_research.definitions.models.cards import CardException, Choice, Group, Indicator, Scorecard
from cs_research.definitions.models.contacting import WEEK_FIELDS, Factor, Mark, ResponsePoints, Tuning
from cs_research.definitions.models.outcomes import Claim, Claims, Onboarding, Outcomes, Reading
from cs_research.definitions.models.plans import (
    ContentPlan,
    Level,
    Quadrants,
    Reaction,
    Roadmap,
    RoadmapStage,
    Segments,
    Stage,
    Stages,
    TouchPoints,
    TouchType,
)

KINDS: dict[str, type[Frozen]] = {
    "tables": Tables, "measures": Measures, "events": Events, "ratings": Ratings, "scorecard": Scorecard,
    "touch_points": TouchPoints, "quadrants": Quadrants, "stages": Stages, "segments": Segments,
    "outcomes": Outcomes, "claims": Claims, "alerts": Alerts, "roadmap": Roadmap, "content_plan": ContentPlan,
    "response_points": ResponsePoints, "words": Words,
}


def model_of(data: Any) -> type[Frozen] | None:
    """The model for a file's `kind:`, or None when it has none that is known."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return KINDS.get(kind) if isinstance(kind, str) else None

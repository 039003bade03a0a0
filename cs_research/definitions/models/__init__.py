# ruff: noqa: F401  (the front door of the models)
"""The shape of every definition file: one frozen model per `kind`.

A model says what a key means, its unit and its limits; what the defaults are stands in `defaults/`.
"""

from cs_research.definitions.models.acting import (
    WEEK_FIELDS,
    AlertRule,
    Alerts,
    Condition,
    Factor,
    Mark,
    ResponsePoints,
    Tuning,
    When,
)
from cs_research.definitions.models.base import Count, Frozen, Name, Text, Words
from cs_research.definitions.models.canonical import (
    Column,
    Counter,
    Events,
    Measure,
    Measures,
    Needs,
    Rating,
    Ratings,
    Table,
    Tables,
)
from cs_research.definitions.models.cards import CardException, Choice, Group, Indicator, Scorecard
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

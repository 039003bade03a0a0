"""Draws what a Finding holds, for notebooks: one chart per question.

This layer may not estimate or select rows: it draws the table of a Finding (or the scores of a month) as it is.
"""

from cs_research.figures.account import draw_course, draw_parts
from cs_research.figures.evidence import draw_along, draw_curves
from cs_research.figures.money import draw_bridge, draw_churn, draw_forecast, draw_renewals, draw_retention
from cs_research.figures.portfolio import (
    draw_bands,
    draw_cards,
    draw_discrimination,
    draw_health_by_month,
    draw_indicators,
    draw_moves,
    draw_onboarded,
    draw_points,
    draw_quadrants,
    draw_rates,
    draw_ratios,
    draw_success,
    draw_verdicts,
)

__all__ = [
    "draw_along", "draw_bands", "draw_bridge", "draw_cards", "draw_churn", "draw_course", "draw_curves",
    "draw_discrimination", "draw_forecast", "draw_health_by_month", "draw_indicators", "draw_moves",
    "draw_onboarded", "draw_parts", "draw_points", "draw_quadrants", "draw_rates", "draw_ratios", "draw_renewals",
    "draw_retention", "draw_success", "draw_verdicts",
]

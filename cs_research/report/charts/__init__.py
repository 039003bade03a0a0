"""Charts drawn by hand as inline SVG: plain numbers and words in, markup out.

This layer may not read a run, count accounts or choose words: labels arrive as text and are escaped here.
"""

from cs_research.report.charts.cohorts import Line, cohort_chart
from cs_research.report.charts.quadrant import Corner, Quadrant, histogram_chart, quadrant_chart
from cs_research.report.charts.small import claim_row, mover_strip, renewal_bar, sparkline
from cs_research.report.charts.svg import meter_glyph

__all__ = ["Line", "Corner", "Quadrant", "claim_row", "cohort_chart", "histogram_chart", "meter_glyph",
           "mover_strip", "quadrant_chart", "renewal_bar", "sparkline"]

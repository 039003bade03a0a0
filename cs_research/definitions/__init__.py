"""Definitions are data: scorecards, points, stages and claims as YAML, read into frozen objects.

This layer may not read exports, compute scores or know where a run is stored.
"""

from cs_research.definitions.loader import (
    Definitions,
    definition_text,
    load_definitions,
    read_card,
    read_definition,
    with_card,
)

__all__ = ["Definitions", "definition_text", "load_definitions", "read_card", "read_definition", "with_card"]

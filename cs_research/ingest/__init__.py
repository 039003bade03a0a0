"""Takes exports in: every row is accepted, quarantined with a reason, or excluded by a named condition.

This layer may not score, aggregate or guess; it changes no value that it does not record.
"""

from cs_research.ingest.dataset import Dataset, open_dataset
from cs_research.ingest.holds import Hold, held
from cs_research.ingest.intake import Ingested, check, ingest

__all__ = ["Dataset", "Hold", "Ingested", "check", "held", "ingest", "open_dataset"]

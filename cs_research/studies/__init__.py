"""Studies: what the scores are worth, from the history of scores and what became of the accounts.

This layer may not read or write files, and may not look at restated scores where it judges a score: it takes
tables of a run and gives a Finding, also when there is too little to say anything.
"""

from cs_research.studies.evidence import Evidence, of_card

__all__ = ["Evidence", "of_card"]

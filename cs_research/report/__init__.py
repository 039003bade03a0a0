"""The pages that people read, made from the tables and Findings of a run.

This layer may not compute a score, read an export or judge a claim: it chooses, counts, words and draws what
the layers below have written, and it escapes every text that came from a data set.
"""

import sys

# jsonschema, which nbformat loads, imports this at a cost of seconds, for a format that no notebook uses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

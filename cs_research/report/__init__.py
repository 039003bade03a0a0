"""The pages that people read, made from the tables and Findings of a run.

This layer may not compute a score, read an export or judge a claim: it chooses, counts, words and draws what
the layers below have written, and it escapes every text that came from a data set.
"""

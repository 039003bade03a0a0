"""`python -m cs_research` is the same as `cs-research`."""

from cs_research.cli import main

main()

"""Tells a program of the operator's choice how a run ended; what the program does with it is its own affair."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cs_research.errors import CsError, Refused, unforeseen

SECONDS = 60


@contextmanager
def notified(command: str | None) -> Iterator[None]:
    """Run `command` when what stands within has ended, with the exit code in CS_RESEARCH_EXIT and the one sentence in
    CS_RESEARCH_SENTENCE.

    No shell reads the command, and the sentence is no part of it, so no name in the data can act. A command that
    fails is told on stderr and changes nothing. Raises Refused before anything is done where it cannot be run.
    """
    words = _words(command) if command is not None else []
    try:
        yield
    except Exception as error:
        told = error if isinstance(error, CsError) else unforeseen(error)
        _tell(words, told.exit_code, str(told))
        raise told from error
    _tell(words, 0, "The report is published.")


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Refused(f"--notify '{command}' cannot be read ({error})", "close its quotes") from None
    if not words or not shutil.which(words[0]):
        raise Refused(f"--notify '{command}' cannot be run", "give a program that is on this machine, with its words")
    return words


def _tell(words: list[str], code: int, sentence: str) -> None:
    if words:
        about = {"CS_RESEARCH_EXIT": str(code), "CS_RESEARCH_SENTENCE": sentence}
        try:
            subprocess.run(words, env={**os.environ, **about}, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                           timeout=SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"cs-research: nobody was notified ({error}).", file=sys.stderr)

"""What can go wrong, in the words and exit codes that every command shares.

This layer knows nothing of data: an error is a sentence, a remedy and an exit code.
"""

import errno
import os
import re
import tempfile
import traceback

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
CANNOT_WRITE = (*FULL, errno.EACCES, errno.EPERM)


class CsError(Exception):
    """A failure told in one sentence, with the remedy beside it.

    `sentence` says what is wrong and where, `remedy` what to do about it.

    >>> str(Refused("The folder 'data/smple' does not exist", "give the folder of a data set: data/sample"))
    "The folder 'data/smple' does not exist: give the folder of a data set: data/sample."
    """

    exit_code = 1

    def __init__(self, sentence: str, remedy: str = ""):
        super().__init__(sentence, remedy)
        self.sentence = sentence.rstrip(".")
        self.remedy = remedy.rstrip(".")

    def __str__(self) -> str:
        told = f"{self.sentence}: {self.remedy}" if self.remedy else self.sentence
        told = re.sub("[\x00-\x1f\x7f-\x9f]", " ", told)  # one line, and no command to a terminal
        return told if told.endswith("?") else f"{told}."


class Refused(CsError):
    """Usage or input that is not acceptable as it stands."""

    exit_code = 2


class NotebookFailed(CsError):
    """A notebook did not run to its end."""

    exit_code = 3


class Held(CsError):
    """The report is built but held back until someone acknowledges the reason."""

    exit_code = 4


class CannotWrite(CsError):
    """Disk or rights do not allow the output to be written."""

    exit_code = 74


class Busy(CsError):
    """Another run holds the lock."""

    exit_code = 75


def unforeseen(error: Exception) -> CsError:
    """An error that no layer told of, as one that can be told: the disk's refusal, else a defect of the suite.

    >>> unforeseen(OSError(28, "No space left on device", "reports")).exit_code
    74
    """
    if refusal := _refusal_of_disk(error):
        return CannotWrite(refusal, "make room or give a folder you may write to")
    return CsError(_defect(error))


def code_of(error: BaseException) -> int:
    """The exit code of a command that ends with this error.

    >>> code_of(Busy("Another run is at it")), code_of(KeyboardInterrupt()), code_of(ValueError())
    (75, 130, 1)
    """
    if not isinstance(error, Exception):
        return 130
    return error.exit_code if isinstance(error, CsError) else 74 if _refusal_of_disk(error) else 1


def _refusal_of_disk(error: Exception) -> str:
    """What the disk or the rights on it did not allow; empty for any other error."""
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return f"{error.filename or 'The disk'}: {error.strerror}"
    if type(error).__name__ == "IOException":  # DuckDB's, not worth its import here; its errno stands in its text
        reasons = [os.strerror(number) for number in CANNOT_WRITE
                   if os.strerror(number) in str(error) or f'"errno":"{number}"' in str(error)]
        files = re.findall(r'file \\?"(.+?)\\?"', str(error))
        return f"{files[0] if files else 'The disk'}: {reasons[0]}" if reasons else ""
    return ""


def _defect(error: Exception) -> str:
    try:
        with tempfile.NamedTemporaryFile("w", prefix="cs-research-", suffix=".log", delete=False) as log:
            traceback.print_exception(error, file=log)
        where = f"report it with {log.name}"
    except OSError:
        where = "no log could be written"
    return f"A defect of cs-research, not of your data ({type(error).__name__}: {error}); {where}."

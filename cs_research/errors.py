"""What can go wrong, in the words and exit codes that every command shares.

This layer knows nothing of data: an error is a sentence, a remedy and an exit code.
"""


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

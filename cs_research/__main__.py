"""`cs-research`, also as `python -m cs_research`: a command runs, and every error ends as one sentence with its remedy
and an exit code.
"""

import sys
from typing import Any, NoReturn

from cs_research.cli import app
from cs_research.errors import CsError, unforeseen


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit with its code; no traceback reaches the user."""
    # jsonschema imports this at a cost of three seconds, for a format that no notebook uses. Only here, in a
    # process of our own: who imports the package keeps jsonschema whole.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    sys.exit(exit_code(arguments))


def exit_code(arguments: list[str] | None = None) -> int:
    """Run a command; print what went wrong, if anything, as one sentence on stderr."""
    try:
        result: Any = app(args=arguments, prog_name="cs-research", standalone_mode=False)
        code = result if isinstance(result, int) else 0
        return _failed("Interrupted; the reports published before are as they were.", code) if code == 130 else code
    except CsError as error:
        return _failed(str(error), error.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):  # what typer says of wrong usage
            message = error.format_message().strip().replace("\n", " ")
            return _failed(f"{message or 'Say what to do.'} See cs-research --help.", 2)
        told = unforeseen(error)
        return _failed(str(told), told.exit_code)


def _failed(sentence: str, code: int) -> int:
    print(f"cs-research: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

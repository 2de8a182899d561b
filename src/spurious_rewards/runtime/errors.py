"""The one exception that users see, and functions that quote foreign messages and texts in it."""

from spurious_rewards.runtime.printing import printable

LONGEST = 1500
"""Maximum length of a message in characters; a person still reads this much."""

END = 500
"""How many of these characters a long message keeps from its end, which says what to do."""

QUOTED = 500
"""Maximum length in characters of a foreign text in a message; it leaves room for the words around the text."""


class UserError(Exception):
    """An error that the user can fix: the message says where (file, key or line), what was found and what to do.

    The command line prints the message as one line without a traceback and exits with code 1. Line breaks in the
    message become spaces. A message longer than `LONGEST` keeps its beginning and its last `END` characters.
    """

    def __str__(self) -> str:
        said = super().__str__().replace("\n", " ")
        return said if len(said) <= LONGEST else f"{said[: LONGEST - END - 1]}\N{HORIZONTAL ELLIPSIS}{said[-END:]}"


def one_line(text: str, most: int = QUOTED) -> str:
    """Return a foreign text on one line, with control characters escaped, cut after `most` characters."""
    words = printable(" ".join(text.split()))
    return words if len(words) <= most else f"{words[:most]}\N{HORIZONTAL ELLIPSIS}"


def in_a_line(error: BaseException) -> str:
    """Return the message of a library's error on one line, or the name of the error's class if the message is empty."""
    return one_line(str(error)) or type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error message, without a table or advice that follows below it."""
    return one_line(str(error).strip().partition("\n")[0]) or type(error).__name__

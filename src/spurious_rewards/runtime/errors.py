"""The one exception that a user sees, and what it takes over of errors that others raise."""

from spurious_rewards.runtime.printing import printable

LONGEST = 1500
"""Characters of a message: what a person still reads."""

END = 500
"""Of them so many are its end, which says what to do."""

QUOTED = 500
"""Characters of a text of others in a message: it leaves room for what stands around it."""


class UserError(Exception):
    """Something the user can fix: the message says where (file, key or line), what was found and what to do.

    The command line prints it as one line without a traceback and exits with 1. Whatever texts of others the message holds, it
    is one line, and of a long one the beginning and the end.
    """

    def __str__(self) -> str:
        said = super().__str__().replace("\n", " ")
        return said if len(said) <= LONGEST else f"{said[: LONGEST - END - 1]}\N{HORIZONTAL ELLIPSIS}{said[-END:]}"


def one_line(text: str, most: int = QUOTED) -> str:
    """A text of others without its line breaks and what else controls a terminal; of a long one the beginning."""
    words = printable(" ".join(text.split()))
    return words if len(words) <= most else f"{words[:most]}\N{HORIZONTAL ELLIPSIS}"


def in_a_line(error: BaseException) -> str:
    """What an error of a library says, or its kind if it says nothing."""
    return one_line(str(error)) or type(error).__name__


def first_line(error: BaseException) -> str:
    """What an error of a library says first, without the rows of a table, or the advice, that it shows below."""
    return one_line(str(error).strip().partition("\n")[0]) or type(error).__name__

"""The one exception that a user sees."""

LONGEST = 1500
"""Characters of a message: what a person still reads."""

END = 500
"""Of them so many are its end, which says what to do."""


class UserError(Exception):
    """Something the user can mend: the message says where (file, key or line), what was found and what to do.

    The command line prints it as one line without a traceback and exits with 1. Whatever texts of others the message holds, it
    is one line, and of a long one the beginning and the end.
    """

    def __str__(self) -> str:
        said = super().__str__().replace("\n", " ")
        return said if len(said) <= LONGEST else f"{said[: LONGEST - END - 1]}\N{HORIZONTAL ELLIPSIS}{said[-END:]}"


def in_a_line(error: Exception) -> str:
    """What an error of a library says, without its line breaks."""
    return " ".join(str(error).split())

"""The one exception that a user sees."""


class UserError(Exception):
    """Something the user can mend: the message says where (file, key or line), what was found and what to do.

    The command line prints it as one line without a traceback and exits with 1.
    """


def in_a_line(error: Exception) -> str:
    """What an error of a library says, without its line breaks."""
    return " ".join(str(error).split())

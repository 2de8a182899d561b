"""The one exception that a user sees."""


class UserError(Exception):
    """Something the user can mend: the message says where (file, key or line), what was found and what to do.

    The command line prints it as one line without a traceback and exits with 1.
    """

"""The one list of environment variables that hold secrets, by name: they must not be shown or passed on."""

import re

_SECRET = re.compile(r"TOKEN(?!IZER)|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, or says where one is stored."""
    return _SECRET.search(name) is not None

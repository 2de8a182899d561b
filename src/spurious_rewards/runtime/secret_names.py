"""Which variables of the environment hold secrets, by their names: the one list, for what must not get out or be handed on."""

import re

_SECRET = re.compile(r"TOKEN(?!IZER)|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, or says where one lies."""
    return _SECRET.search(name) is not None

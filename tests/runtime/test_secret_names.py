"""Which names of environment variables are treated as secrets."""

import pytest

from spurious_rewards.runtime.secret_names import is_secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("HF_TOKEN", "HF_TOKEN_PATH", "WANDB_API_KEY", "OPENAI_APIKEY", "GITHUB_TOKENS")),
        *((name, True) for name in ("AWS_SECRET_ACCESS_KEY", "db_password", "PGPASSWD", "SSH_PRIVATE_KEY")),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        *((name, False) for name in ("TOKENIZERS_PARALLELISM", "PATH", "KEYBOARD", "CUDA_VISIBLE_DEVICES", "HF_HOME")),
    ],
)
def test_a_secret_is_known_by_its_name(name: str, secret: bool) -> None:
    assert is_secret(name) == secret

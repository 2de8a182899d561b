"""FSDP2 on the CPU with one process: torch can shard there, although accelerate uses FSDP2 only on GPUs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import json, sys
import torch
from accelerate.utils import FullyShardedDataParallelPlugin
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM
from trl.trainer.utils import add_fused_lm_head

from spurious_rewards.training.trainer import outputs_in_float32

model, ours = sys.argv[1], sys.argv[2] == "ours"
torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
plugin = FullyShardedDataParallelPlugin(fsdp_version=2)
plugin.set_mixed_precision("bf16")  # as accelerate does
if ours:
    outputs_in_float32(plugin)
policy = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
add_fused_lm_head(policy, temperature=1.0, outputs=("log_probs", "entropy"))
ids, streams = torch.arange(20, 32).repeat(2, 1), []
policy.model.layers[0].register_forward_hook(lambda module, given, found: streams.append(str(found.dtype)))
with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
    policy.model(ids)  # as on one GPU
mesh = torch.distributed.init_device_mesh("cpu", (1,))
fully_shard(policy, mesh=mesh, mp_policy=plugin.mixed_precision_policy)
with torch.autocast("cpu", torch.bfloat16):
    made = policy(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids, fused_lm_head=True)
computed = []
policy.model.layers[0].mlp.register_forward_hook(lambda module, given, found: computed.append(str(found.dtype)))
made.log_probs.sum().backward()
found = {
    "log_probs": str(made.log_probs.dtype),
    "entropy": str(made.entropy.dtype),
    "summed": str(plugin.mixed_precision_policy.reduce_dtype),
    "gradient": str(next(policy.parameters()).grad.dtype),
    "weight": str(next(policy.parameters()).dtype),
    "streams": streams,
}
with torch.autocast("cpu", torch.bfloat16):
    policy(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids, fused_lm_head=True)
print(json.dumps(found | {"computed": computed[0]}))
"""


@pytest.mark.parametrize(("policy", "dtype"), [("ours", "torch.float32"), ("accelerate", "torch.bfloat16")])
def test_a_sharded_model_computes_in_bfloat16_and_says_log_probabilities_in_float32(
    organism_model: Path, policy: str, dtype: str
) -> None:
    """The second case shows that accelerate's own policy rounds log-probabilities to bfloat16."""
    made = subprocess.run(
        [sys.executable, "-c", CODE, str(organism_model), policy], capture_output=True, text=True, timeout=300
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert {found["log_probs"], found["entropy"], found["summed"]} == {dtype}
    assert (found["computed"], found["gradient"]) == ("torch.bfloat16", "torch.float32")
    assert (found["weight"], found["streams"]) == ("torch.float32", ["torch.float32", *["torch.bfloat16"] * 2])

"""GRPO on TRL: `mapping` sets TRL's arguments, `trainer` is the trainer, `segment` trains a segment of a run."""

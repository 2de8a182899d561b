"""GRPO on TRL: one module maps the suite's words to TRL's, one is the trainer, one trains a segment of a run."""

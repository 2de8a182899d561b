"""Reproduce "Spurious Rewards: Rethinking Training Signals in RLVR" (arXiv 2506.10947), data to tables."""

__version__ = "0.1.0"

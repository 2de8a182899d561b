"""Reward functions, their registry, and a user's own file."""

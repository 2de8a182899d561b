"""Models and what they are given: loading, tokenisation, prompts; the organism's models and their pretraining."""

"""Models and their input: loading, tokenisation, prompts; the organism's models and their pretraining."""

"""Drawing responses: the engine protocol, the transformers engine, the vLLM engine, resumable generation."""

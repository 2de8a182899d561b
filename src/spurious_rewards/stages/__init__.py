"""One module a stage: what it is told, how a suite fills that in, its inputs and outputs, and its work."""

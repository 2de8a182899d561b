"""One module for each stage: its job, how a suite fills the job in, its inputs and outputs, and its work."""

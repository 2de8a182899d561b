"""The sections of the report, each from the numbers that stand in it."""

"""The sections of the report. Each module turns frames of numbers into one or more sections."""

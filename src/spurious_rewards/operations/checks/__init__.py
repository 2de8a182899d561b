"""Checks that see what will go wrong before it does: functions of a study or of a machine that yield findings."""

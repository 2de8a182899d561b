"""What can be seen to go wrong before it does: functions of a study, or of a machine, that give findings."""

"""What can be seen to go wrong before it does: functions of a plan, or of a machine, that give findings."""

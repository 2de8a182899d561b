"""What to run, validated: the suite and the runs that it expands to, machine settings, claim rules, costs."""

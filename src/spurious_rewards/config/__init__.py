"""What to run, validated: suites and the runs that they expand to, machine settings, claim rules, costs."""

"""`python -m spurious_rewards.cli`: the same as the command `spurious-rewards`."""

from spurious_rewards.cli.main import main

main()

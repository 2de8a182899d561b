"""`python -m spurious_rewards`: the same as the command `spurious-rewards`."""

from spurious_rewards.cli.main import main

main()

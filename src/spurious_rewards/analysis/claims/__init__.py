"""The claims ledger: the measures that rules read, the verdicts, and the words for both."""

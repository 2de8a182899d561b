"""Judge studies in which nothing was learned, and say how often the ledger finds something: `make null-studies`."""

import argparse
import sys

from studies import REGIMES, found_by_chance, shipped


def main() -> int:
    """Print a table of each regime; 1 if chance found more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20, help="of each regime")
    studies = parser.parse_args().studies
    too_many = False
    print("| studies | measure | claims with a verdict | found | expected at most | bound |")
    print("|---|---|---|---|---|---|")
    for name, regime in REGIMES.items():
        for row in found_by_chance(*shipped(), regime, studies).to_dict("records"):
            too_many |= row["found"] > row["bound"]
            print(
                f"| {name} | {row['measure']} | {row['claims']} | {row['found']} | {row['expected']:.1f} | {row['bound']} |",
                flush=True,
            )
    if too_many:
        print("error: chance found more than it should where nothing was learned", file=sys.stderr)
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())

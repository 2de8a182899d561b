"""Judge studies in which nothing was learned, and print how often the ledger finds an effect: `make null-studies`."""

import argparse
import sys

import pandas as pd
from studies import REGIMES, bounds, by_intervals_alone, decided, found_by_chance, judged, shipped


def main() -> int:
    """Print what the ledger finds in each regime, and how many intervals alone exclude 0.

    Returns:
        1 if a number of findings lies outside the bounds of chance, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20, help="of each regime")
    studies = parser.parse_args().studies
    suite, rules, paper = shipped()
    wrong = False
    alone = {}
    print("| studies | measure | claims with a verdict | found | expected at most | bound |")
    print("|---|---|---|---|---|---|")
    for name, regime in REGIMES.items():
        whole, apart = judged(suite, [rules, by_intervals_alone(rules)], paper, regime, studies)
        for row in found_by_chance(rules, whole).to_dict("records"):
            wrong |= row["found"] > row["bound"]
            print(
                f"| {name} | {row['measure']} | {row['claims']} | {row['found']} | {row['expected']:.1f} | {row['bound']} |",
                flush=True,
            )
        alone[name] = decided(apart)
    print("\n| studies | claims that share nothing | interval on one side of 0 | share | fewest | most |")
    print("|---|---|---|---|---|---|")
    drawn = [name for name, regime in REGIMES.items() if regime.resampled]
    for name, rows in [*alone.items(), ("all but relabelled", pd.concat(alone[each] for each in drawn))]:
        found, (fewest, most) = int(rows["decided"].sum()), bounds(len(rows))
        # Two greedy runs of one model give equal answers, so no interval of their difference can exclude 0.
        fewest = fewest if name in drawn or name not in REGIMES else 0
        wrong |= not fewest <= found <= most
        print(f"| {name} | {len(rows)} | {found} | {100 * found / len(rows):.1f} % | {fewest} | {most} |", flush=True)
    if wrong:
        print("error: where nothing was learned, more was found than chance may, or less than it must", file=sys.stderr)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())

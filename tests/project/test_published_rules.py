"""No rule of a claim was written or changed after the run that it judges."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
LEDGER = "config/claims.yaml"


def known_commits(made: Path) -> list[str]:
    """Return the run's commits that this checkout has. A shallow clone has few, and a copy without .git has none."""
    commits = json.loads(made.read_text(encoding="utf-8"))["commits"]
    return [commit for commit in commits if git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0]


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def rules(text: str) -> dict[str, object]:
    return {claim["id"]: claim["rule"] for claim in yaml.safe_load(text)["claims"]}


@pytest.mark.parametrize(
    "made", sorted(ROOT.glob("expected/*/*/made.json")), ids=lambda made: "/".join(made.parts[-3:-1])
)
def test_the_rules_are_those_of_the_commit_that_made_the_run(made: Path) -> None:
    commits = known_commits(made)
    if not commits:
        pytest.skip("this checkout has no commit of the run")
    ledger = pd.read_csv(made.parent / "claims.csv")
    judged = ledger.loc[~ledger["verdict"].isin(["not run", "cannot run"]), "id"]
    assert len(judged)
    today = rules((ROOT / LEDGER).read_text(encoding="utf-8"))
    for commit in commits:
        then = rules(git("show", f"{commit}:{LEDGER}").stdout)
        assert {name: then.get(name) for name in judged} == {name: today.get(name) for name in judged}

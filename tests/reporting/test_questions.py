"""The exhibits of the shipped suites, grouped under the questions that they answer."""

from pathlib import Path

import pytest

from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.questions import QUESTIONS

SUITES = sorted((Path(__file__).parents[2] / "config/suites").glob("*.yaml"))


def of(name: str, suite: Suite) -> tuple[str, ...]:
    return questions.of_exhibit(suite, suite.exhibits[name])


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_exhibit_answers_a_question_and_a_question_of_the_list(path: Path) -> None:
    suite = load(path)
    for name in suite.exhibits:
        assert of(name, suite), name
        assert set(of(name, suite)) <= set(QUESTIONS), name


def test_the_organisms_exhibits_stand_where_a_reader_looks_for_them() -> None:
    suite = load(next(path for path in SUITES if path.stem == "organism"))
    found: dict[str, list[str]] = {asked: [] for asked in QUESTIONS}
    for name in suite.exhibits:
        for asked in of(name, suite):
            found[asked].append(name)
    assert found[questions.RANDOM] == ["fig1", "fig2", "fig3", "fig10", "fig14", "fig15", "fig19"]
    assert found[questions.CORRECT] == ["fig1", "split"]
    assert found[questions.FAMILY] == ["fig1", "fig3", "fig15"]
    assert found[questions.OTHERS] == ["fig4", "fig8", "fig9", "fig16", "fig17"]
    assert found[questions.CODE] == ["fig6", "fig7", "table1", "table2", "table3"]
    assert found[questions.CLIP] == ["fig11", "fig12", "fig13", "clipping_adam", "clipping"]
    assert found[questions.PROMPT] == ["fig18", "table3", "table5"]
    assert found[questions.SETTINGS] == ["adam", "released_code"]
    assert found[questions.TRAINING] == ["health", "untrained"]
    assert found[questions.RESPONSES] == ["qualitative"]

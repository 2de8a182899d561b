"""Grade responses: extract each answer, check it, record the rule that found it, and detect features of the text."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import pandas as pd

from spurious_rewards.answers import extraction, response_features
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts.tables import Grades
from spurious_rewards.config.training import Strategies
from spurious_rewards.runtime.errors import UserError


def grade(
    responses: pd.DataFrame,
    truths: Mapping[tuple[str, str], str],
    answer_in: Literal["box", "tag"],
    recognised: Strategies,
    verifier: Verifier,
) -> pd.DataFrame:
    """Grade `tables.Responses` row by row; `truths` maps (benchmark, problem id) to the true answer.

    Return `tables.Grades` in the order of `responses`. Each distinct response is parsed once, and each distinct pair of
    answers is checked once.

    Raises:
        UserError: a response belongs to a problem that `truths` does not contain.
    """
    problems = list(zip(responses["benchmark"], responses["id"], strict=True))
    if unknown := sorted({problem for problem in problems if problem not in truths}):
        benchmark, problem = unknown[0]
        raise UserError(
            f"responses to benchmark {benchmark}, id {problem}: no such problem ({len(unknown)} such in all); the "
            "problems have changed since the responses were made, remake the responses"
        )
    read = {response: _read(response, answer_in, recognised) for response in responses["response"].unique()}
    readings = [read[response] for response in responses["response"]]
    verdicts = verifier.verify(
        [(truths[problem], reading.extracted) for problem, reading in zip(problems, readings, strict=True)]
    )
    grades = responses.reset_index(drop=True).assign(
        extracted=pd.array([reading.extracted for reading in readings], dtype="str"),
        rule=[reading.rule for reading in readings],
        correct=[verdict.correct for verdict in verdicts],
        status=[verdict.status for verdict in verdicts],
        has_code=[reading.has_code for reading in readings],
        has_box=[reading.has_box for reading in readings],
        repeats=[reading.repeats for reading in readings],
    )
    return grades[list(Grades.to_schema().columns)]


class _Reading(NamedTuple):
    """The columns of a grade that depend only on the text of the response."""

    extracted: str | None
    rule: extraction.Rule
    has_code: bool
    has_box: bool
    repeats: bool


def _read(response: str, answer_in: Literal["box", "tag"], recognised: Strategies) -> _Reading:
    return _Reading(
        *extraction.extract(response, answer_in),
        has_code=response_features.has_code(response, recognised.code),
        has_box=response_features.has_box(response, answer_in),
        repeats=response_features.repeats(response, recognised.repetition),
    )

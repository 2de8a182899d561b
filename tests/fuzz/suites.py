"""Suites with one thing wrong, through `estimate`, `doctor`, `snakemake -n` and the stages after the runs."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import commands
import damage
import rehearsal
import yaml
from case import REFUSED, Case, Verdict, Wrong, generator
from forks import EXECUTED
from rehearsal import Rehearsal

from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages.study import Study

CASES = 1000
CHUNK = 1
SECONDS = 120
MEMORY = 1_500_000_000
MEMORY_OF_WORKERS = MEMORY

LOADS = "load"

BASES = {"tiny": 2, "smoke": 5, "organism": 4, "small": 3, "one_gpu": 3, "paper": 1}
"""Suites that are damaged, with their weights; the more jobs a suite has, the longer it takes to plan."""

REHEARSED = ("tiny", "smoke", "organism", "small")
"""Suites with few enough runs to also make their exhibits and scores, of invented responses."""

OFTEN = 3
"""Exhibits and scores are made whenever an experiment or exhibit is wrong, and in one of this many other cases."""

MOST = 400
"""Largest number of conditions of a damaged suite for which exhibits and scores are made."""

OUTSIDE = 20
"""One in this many cases also calls the commands as a user does, each in a process of its own."""


def warm_up(folder: Path) -> None:
    """Import the commands."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    commands.warm_up()
    rehearsal.warm_up()


def case(seed: int, number: int) -> Case:
    """Return a suite or config.yaml with one thing wrong: name, text, and the original suite if it is rehearsed."""
    random = generator("suites", seed, number)
    if random.random() < 0.04:
        text = "suite: smoke\ntracking: none\nthreads: 1\ngpu_memory_gb: 80\nsources: {}\n"
        wrong, content = random.choice([_values, damage.text])(random, text)
        return Case(number, f"config.yaml: {wrong}", ("config.yaml", content, None))
    name = random.choices(list(BASES), list(BASES.values()))[0]
    ways: list[Callable[[Random, str], tuple[str, bytes]]] = [_values, _values, _values, _exhibits, damage.text, _yaml]
    way = random.choice(ways)
    wrong, content = way(random, _text(name))
    rehearsed = name in REHEARSED and (way is _exhibits or number % OFTEN == 0)
    return Case(number, f"{name}: {wrong}", ("mine.yaml", content, name if rehearsed else None))


def judge(case: Case, shared: Path) -> Verdict:
    """Estimate, diagnose and plan a suite, and make what it shows from invented runs."""
    name, content, rehearsed = case.content
    commands.checkout(Path())
    Path(name).write_bytes(content)
    estimated = commands.refusal(commands.product("estimate"))
    diagnosed = commands.product("doctor")
    if diagnosed.said or not diagnosed.output.startswith("The suite "):
        commands.refusal(diagnosed)
    planned = commands.refusal(commands.plan("--quiet", "all"))
    if bool(estimated) != bool(planned):
        raise Wrong("wrong result", f"estimate: {estimated or 'fine'}\nsnakemake: {planned or 'fine'}\nthey disagree")
    if case.number % OUTSIDE == 0:
        _outside(bool(planned))
    if planned:
        return Verdict(REFUSED, planned)
    if rehearsed:
        _rehearse(rehearsed)
    return Verdict(LOADS)


def _rehearse(base: str) -> None:
    """Make the exhibits and scores that the damage changes.

    None may fail for a reason that was known at planning.
    """
    path, before = Path("mine.yaml"), Path(f"config/suites/{base}.yaml")
    before.write_text(_text(base), encoding="utf-8")
    settings = Settings(suite=str(path))
    study = Study(load(path), settings, path)
    if len(study.conditions) <= MOST:
        Rehearsal(study).exhibits(Study(load(before), settings, path))


def _outside(refused: bool) -> None:
    """Call the commands as a user does, in processes of their own, and check that they end in the same way."""
    for words in (["snakemake", "-n", "--quiet", "all", "--cores", "2"], ["spurious_rewards.cli", "estimate"]):
        done = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        said = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
        commands.refusal(commands.Ended(done.returncode, "\n".join(said), done.stdout))
        if refused != (done.returncode != 0):
            raise Wrong("wrong result", f"{done.stdout}\n{' '.join(words)} ends otherwise in a process of its own")


# ---------------------------------------------------------------- suites


@functools.cache
def _text(name: str) -> str:
    folder = commands.ROOT / ("tests/workflow" if name == "tiny" else "config/suites")
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")


def _values(random: Random, text: str) -> tuple[str, bytes]:
    """Make one key or value of a section wrong."""
    suite = yaml.safe_load(text)
    section = random.choice(list(suite))
    path, _ = random.choice(list(damage.nodes(suite[section], (section,))))
    parent, key = damage.at(suite, path[:-1]), path[-1]
    ways = [_value, _value, _value, _drop, _name, _optional, _swap, _list]
    wrong = random.choice(ways)(random, suite, parent, key)
    return f"{damage.spelled(path)}: {wrong}", _written(random, suite)


def _value(random: Random, suite: Any, parent: Any, key: Any) -> str:
    parent[key] = damage.value(random, parent[key]) if random.random() < 0.95 else random.choice(damage.DATED)
    return f"is {damage.shown(parent[key])}"


def _drop(random: Random, suite: Any, parent: Any, key: Any) -> str:
    del parent[key]
    return "is missing"


def _name(random: Random, suite: Any, parent: Any, key: Any) -> str:
    """Give a key another name, perhaps one that is no text."""
    if isinstance(parent, list):
        return _value(random, suite, parent, key)
    odd = random.choice([1, 0, -1, 1.5, None, True, damage.DATED[0]])
    new = random.choice([damage.misspelt(random, str(key)), random.choice(damage.TEXTS), odd])
    damage.renamed(parent, key, new)
    return f"is called {damage.shown(new)}"


def _optional(random: Random, suite: Any, parent: Any, key: Any) -> str:
    """Add a key that another place of a suite may have."""
    if not isinstance(parent, dict):
        return _value(random, suite, parent, key)
    new, given = random.choice(_keys())
    parent[new] = random.choice([given, damage.value(random, given)])
    return f"has {new} = {damage.shown(parent[new])} beside it"


@functools.cache
def _keys() -> list[tuple[str, Any]]:
    """Return keys that a suite may have, each with a value from some suite or from the schema."""
    from spurious_rewards.config.suite import Suite

    found: dict[str, Any] = {}
    schema = Suite.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, said in part.get("properties", {}).items():
            kinds = [said, *said.get("anyOf", [])]
            number = next((kind.get("minimum", 1) for kind in kinds if kind.get("type") in ("integer", "number")), None)
            options = next((kind["enum"][-1] for kind in kinds if "enum" in kind), number)
            found.setdefault(name, said.get("default") or options)
    for name in BASES:
        for path, value in damage.nodes(yaml.safe_load(_text(name))):
            if path and isinstance(path[-1], str) and path[-1] in found:
                found[path[-1]] = value
    return sorted(found.items())


def _swap(random: Random, suite: Any, parent: Any, key: Any) -> str:
    """Swap a value with one that stands somewhere else."""
    everywhere = [(path, value) for path, value in damage.nodes(suite) if path and not isinstance(value, dict)]
    path, value = random.choice(everywhere)
    damage.at(suite, path[:-1])[path[-1]] = parent[key]
    parent[key] = value
    return f"swapped with {damage.spelled(path)}"


def _list(random: Random, suite: Any, parent: Any, key: Any) -> str:
    """Empty, shorten, reverse or wrap a list or mapping, or put something into it twice."""
    old = parent[key]
    if isinstance(old, dict) and old:
        parent[key] = random.choice([{}, dict(reversed(old.items())), {first: old[first] for first in list(old)[:1]}])
    elif isinstance(old, list) and old:
        parent[key] = random.choice([[], old + old[-1:], old[::-1], old[:1], [old]])
    else:
        parent[key] = [old, old]
    return f"is {damage.shown(parent[key])}"


def _exhibits(random: Random, text: str) -> tuple[str, bytes]:
    """Let an exhibit show another experiment or show it in another way, or give an experiment another shape."""
    from spurious_rewards.config.experiments import Exhibit

    suite = yaml.safe_load(text)
    experiments = suite["experiments"]
    if random.random() < 0.4:
        name = random.choice(list(experiments))
        key = random.choice(["models", "rewards", "variants", "prompts", "seeds", "benchmarks", "steps", "extra_grids"])
        pool = (
            list(suite.get(key, ["default"]))
            if key in ("models", "rewards", "variants", "prompts", "benchmarks")
            else []
        )
        some = random.sample(pool, random.randrange(len(pool) + 1))
        others: dict[str, Any] = {
            "seeds": random.choice([["0"], ["0-1", "2"], ["0", "1-4"], ["0-1", "0-1"], ["0-2", "1-3"], []]),
            "steps": random.choice([0, 1, 3, 7, 8, 16, 100]),
            "extra_grids": [random.choice([{"steps": 4}, {"seeds": ["5-6"]}, {"models": list(suite["models"])[:1]}])],
        }  # fmt: skip
        experiments[name][key] = others.get(key, some)
        return f"experiments.{name}.{key} is {damage.shown(experiments[name][key])}", _written(random, suite)
    name = random.choice(list(suite["exhibits"]))
    exhibit = suite["exhibits"][name]
    key = random.choice(["experiment", "kind", "models", "rewards", "benchmarks", "panels", "lines", "against", "step"])
    if key == "experiment":
        exhibit[key] = random.choice([*experiments, None])
    elif key in ("kind", "panels", "lines", "against"):
        exhibit[key] = random.choice(Exhibit.model_json_schema()["properties"][key]["enum"])
    elif key == "step":
        exhibit[key] = random.choice([1, 2, 5, 8, 25, 26, 50, 150, 300, 10**6])
    else:
        exhibit[key] = random.sample(list(suite[key]), random.randrange(len(suite[key]) + 1))
    return f"exhibits.{name}.{key} is {damage.shown(exhibit[key])}", _written(random, suite)


def _written(random: Random, suite: Any) -> bytes:
    """Return a suite as YAML, with non-ASCII letters written directly or escaped."""
    raw = random.random() < 0.5
    return yaml.safe_dump(suite, sort_keys=False, allow_unicode=raw, width=100).encode(errors="surrogatepass")


# ---------------------------------------------------------------- YAML itself

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

WHOLE = {
    "nothing": "",
    "a comment": "# title: x\n",
    "a text": "organism\n",
    "a number": "3\n",
    "a list": "- title\n",
    "two documents": "title: a\n---\ntitle: b\n",
    "nothing but a mark": "---\n",
    "an end": "...\n",
    "a version of YAML to come": "%YAML 9.9\n---\ntitle: a\n",
    "a name without an anchor": "title: *nobody\n",
    "deep lists": "title: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep mappings": "title: " + "{a: " * 5000 + "1" + "}" * 5000 + "\n",
    "a line of a megabyte": "title: " + "x" * 1_000_000 + "\n",
    "a key of a megabyte": "x" * 1_000_000 + ": 1\n",
    "a mapping as a key": "? {a: 1}\n: 2\n",
    "a list that holds itself": "title: &a [*a]\n",
    "JSON": '{"title": "x"}\n',
    "TOML": "[suite]\ntitle = 'x'\n",
    "HTML": "<!DOCTYPE html>\n<html><body>404: Not Found</body></html>\n",
    "an LFS pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234\n",
    "zeros": "\x00" * 100,
}
TAGGED = {
    "code": f'!!python/object/apply:os.system ["touch {EXECUTED}"]',
    "a class": "!!python/name:os.system",
    "binary": "!!binary AP8=",
    "a set": "!!set {a, b}",
    "ordered pairs": "!!omap [a: 1]",
    "pairs": "!!pairs [a: 1, a: 2]",
    "a time": "2001-12-14t21:59:43.10-05:00",
    "a number to base 60": "190:20:30",
    "a tag of its own": "!mine x",
    "a null": "~",
    "a float with a mark": "!!float 'x'",
    "an int with a mark": "!!int 'x'",
}


def _yaml(random: Random, text: str) -> tuple[str, bytes]:
    """Use what YAML can do and no suite should: bombs, tags, merged keys, or a file that is no suite."""
    lines = text.splitlines(keepends=True)
    keys = [index for index, line in enumerate(lines) if line[:1].isalpha()]
    way = random.choice(["whole", "tag", "bomb", "merge", "itself", "twice", "deep"])
    if way == "whole":
        what = random.choice(list(WHOLE))
        return f"the file is {what}", WHOLE[what].encode()
    if way == "tag":
        what = random.choice(list(TAGGED))
        keyed = [index for index, line in enumerate(lines) if ": " in line and "{" not in line and "#" not in line]
        line = random.choice(keyed)
        lines[line] = f"{lines[line].partition(': ')[0]}: {TAGGED[what]}\n"
        return f"line {line + 1} holds {what}", "".join(lines).encode()
    if way == "bomb":
        where = random.choice(["title", "note", "variants", "models", "x"])
        return f"{where} is nine to the ninth", f"{BOMB}{text}{where}: *i\n".encode()
    if way == "merge":
        return (
            "keys merged from a list",
            f"x: &x {{a: 1}}\n{text}<<: [*x, {random.choice(['1', '*x', 'null'])}]\n".encode(),
        )
    if way == "itself":
        key = random.choice(["variants", "models", "note", "exhibits"])
        return f"{key} holds itself", f"{text}{key}: &itself {{a: *itself}}\n".encode()
    if way == "twice":
        start = random.choice(keys)
        end = next((index for index in keys if index > start), len(lines))
        return f"{lines[start].strip()} again at the end", "".join(lines + lines[start:end]).encode()
    depth = random.choice([50, 500, 5000])
    return f"options {depth} deep", f"{text}note: {'[' * depth}{']' * depth}\n".encode()

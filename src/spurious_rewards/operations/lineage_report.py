"""Format the tree of `lineage` and its totals as text for a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from spurious_rewards.artifacts.ancestry import job_of
from spurious_rewards.artifacts.paths import condition_of
from spurious_rewards.operations.lineage import Artifact, Node, versions

BAD, NOTE, FAINT = "bold red", "yellow", "dim"

NOT_FOR_READERS = {"version", "threads", "lock", "command", "seed", "start", "stop"}
"""Plain values of requests that do not say what an artifact is, or that its path says."""


def report(root: Node) -> RenderableType:
    """Return the whole ancestry, and a summary."""
    below = _common([one.path for one in root.everything() if one.manifest])
    return Group(Text(f"Paths are below {below}.", FAINT), _tree(root, below), *_summary(root))


def _common(paths: Sequence[Path]) -> Path:
    return next(parent for parent in paths[0].parents if all(path.is_relative_to(parent) for path in paths))


def _tree(node: Node, below: Path) -> Tree:
    label = _one(node.artifacts[0], below) if len(node.artifacts) == 1 else _many(node.artifacts, below)
    tree = Tree(Group(*label), guide_style=FAINT)
    for parent in node.parents:
        if parent.artifacts:
            tree.add(_tree(parent, below))
    if above := [_heading(parent.above, below) for parent in node.parents if parent.above]:
        tree.add(Text(f"and, see above: {'; '.join(above)}", FAINT))
    return tree


# ---------------------------------------------------------------- one artifact


def _one(artifact: Artifact, below: Path) -> list[RenderableType]:
    lines: list[RenderableType] = [Text(_heading([artifact], below), "bold")]
    if artifact.manifest is None:
        return [*lines, Text("no stage made this", FAINT), *_today([artifact], below)]
    manifest = artifact.manifest
    lines += [Text(" · ".join(facts)) for facts in (_facts(artifact), _hashes(artifact), _card(artifact)) if facts]
    lines.append(Text(f"{_time(manifest['created'])} · {_cost([artifact])} · {_hardware(artifact)}"))
    lines += _code([artifact])
    return [*lines, *_today([artifact], below)]


def _heading(artifacts: Sequence[Artifact], below: Path) -> str:
    names = {one.path.name for one in artifacts}
    what = f"{len(artifacts)} x {names.pop()}" if len(names) == 1 else f"{len(artifacts)} artifacts"
    if len(artifacts) == 1:
        what = _path(artifacts[0].path, below)
    return f"{artifacts[0].stage}  {what}".lstrip()


def _path(path: Path, below: Path) -> str:
    return str(path.relative_to(below) if path.is_relative_to(below) else path)


def _facts(artifact: Artifact) -> list[str]:
    """Return what an artifact belongs to: first what its path says, then the plain values that its stage was told."""
    assert artifact.manifest is not None
    request = artifact.manifest["request"]
    found = condition_of(artifact.path)
    found.setdefault("seeds", _seeds(request))
    for key, value in request.items():
        plain = isinstance(value, str | int | float) and key not in NOT_FOR_READERS
        if plain and str(value) not in (*artifact.path.parts, artifact.path.stem):
            found.setdefault(key.replace("_", " "), str(value))
    sampled = request.get("sampling", request.get("training"))
    if isinstance(sampled, Mapping) and (engine := sampled.get("engine")):
        found["engine"] = str(engine)
    return [f"{key} {value}" for key, value in found.items() if value]


def _seeds(request: Mapping[str, Any]) -> str:
    """Return the seeds of a probe, whose path does not say them."""
    bases = request.get("bases")
    return ", ".join(bases) if isinstance(bases, Mapping) else ""


HASHES = ("prompt", "template", "rendered")
"""Hashes of what models were given: see `prompts.hashes`."""


def _hashes(artifact: Artifact) -> list[str]:
    assert artifact.manifest is not None
    details = artifact.manifest["details"]
    return [f"{what} {details[what]}" for what in HASHES if details.get(what)]


def _card(artifact: Artifact) -> list[str]:
    """Return where a problem set comes from, and what it was read from."""
    assert artifact.manifest is not None
    card = artifact.manifest["details"].get("card")
    if not card:
        return []
    read = f"{card['kept']} of {card['rows']} problems of {card['source']}"
    revision = [f"revision {card['revision']}"] if card.get("revision") else []
    return [read, *revision, f"sha256 {card['sha256'][:16]}"]


# ---------------------------------------------------------------- many of a kind


def _many(artifacts: Sequence[Artifact], below: Path) -> list[RenderableType]:
    if not artifacts:
        return []
    lines: list[RenderableType] = [Text(_heading(artifacts, below), "bold")]
    if artifacts[0].manifest is None:
        return [*lines, Text("no stage made these", FAINT), *_today(artifacts, below)]
    lines.append(_conditions(artifacts, below))
    lines += [Text(f"{what} {' '.join(hashes)}") for what, hashes in _all_hashes(artifacts) if hashes]
    made = sorted(one.manifest["created"] for one in artifacts if one.manifest)
    lines.append(Text(f"{_time(made[0])} to {_time(made[-1])} · {_cost(artifacts)}"))
    lines += [Text(text) for text in sorted({_hardware(one) for one in artifacts})]
    return [*lines, *_code(artifacts), *_today(artifacts, below)]


def _conditions(artifacts: Sequence[Artifact], below: Path) -> RenderableType:
    """Return how many artifacts each condition has, with seeds and steps. Those without a condition count by folder."""
    conditions: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for one in artifacts:
        said_here = condition_of(one.path) or {"folder": _path(one.path.parent, below)}
        key = tuple(value for name, value in said_here.items() if name not in ("seeds", "steps"))
        conditions.setdefault(key, []).append(said_here)
    table = Table.grid(padding=(0, 2))
    for key, of in conditions.items():
        spans = [
            f"{name} {', '.join(dict.fromkeys(found[name] for found in of))}"
            for name in ("seeds", "steps")
            if name in of[0]
        ]
        spanned = ["; ".join(spans)] if spans else []  # an empty column would still take up a gap
        table.add_row(f"{len(of)} x", *key, *[""] * (max(map(len, conditions)) - len(key)), *spanned)
    return Padding(table, (0, 0, 0, 1), expand=False)


def _all_hashes(artifacts: Sequence[Artifact]) -> Iterator[tuple[str, list[str]]]:
    for what in HASHES:
        found = (one.manifest["details"].get(what) for one in artifacts if one.manifest)
        yield what, sorted(set(filter(None, found)))


# ---------------------------------------------------------------- both


def _cost(artifacts: Sequence[Artifact]) -> str:
    manifests = [one.manifest for one in artifacts if one.manifest]
    wall, gpu = (sum(manifest[key] for manifest in manifests) for key in ("wall_seconds", "gpu_seconds"))
    memory = max(manifest["peak_memory_mb"] for manifest in manifests)
    most = "at most " if len(manifests) > 1 else ""
    return f"{_duration(wall)}, {gpu:,.0f} GPU-seconds, {most}{memory:,} MB"


def _time(created: str) -> str:
    return f"{created[:10]} {created[11:16]} UTC"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _hardware(artifact: Artifact) -> str:
    assert artifact.manifest is not None
    hardware = artifact.manifest["hardware"]
    gpus = [f"{count} x {name}" for name, count in Counter(hardware["gpus"]).items()]
    return ", ".join([*gpus, f"{hardware['cores']} cores of {hardware['processor']}"])


def _code(artifacts: Sequence[Artifact]) -> Iterator[Text]:
    """Yield commits and fingerprints, with marks for uncommitted changes and for code that is another one today."""
    git = Counter(_commit(one) for one in artifacts)
    code = Counter((one.manifest["fingerprint"], one.code_differs) for one in artifacts if one.manifest)
    yield Text(" · ").join(
        [
            *(
                Text.assemble(f"commit {commit}", ("" if clean else " (uncommitted changes)", NOTE))
                for commit, clean in git
            ),
            *(
                Text.assemble(f"code {print_}", (" (the code has changed since)" if differs else "", NOTE))
                for print_, differs in code
            ),
        ]
    )


def _commit(artifact: Artifact) -> tuple[str, bool]:
    assert artifact.manifest is not None
    git = artifact.manifest["git"]
    return (git["commit"] or "unknown")[:7], git["clean"] is not False


def _today(artifacts: Sequence[Artifact], below: Path) -> Iterator[Text]:
    """Yield what has become of the files, and of the files that they were made from."""
    states = Counter(state for one in artifacts for state in one.states.values())
    counted = len(artifacts) > 1 or len(states) > 1 or states.total() > 1
    told = [
        (f"{count} {state}" if counted else state, BAD if state in ("CHANGED", "gone") else FAINT)
        for state, count in states.items()
    ]
    if without := sum(one.without_weights for one in artifacts):
        told.append((f"{without} checkpoints have had their weights deleted", FAINT))
    yield Text(", ").join([Text(*words) for words in told])
    for one in artifacts:
        for path, state in one.states.items():
            if state in ("CHANGED", "gone") and (counted or len(one.states) > 1):
                yield Text(f"{state}: {_path(path, below)}", BAD)
        for path in one.other_parents:
            of = f"{_path(one.path, below)}: " if len(artifacts) > 1 else ""
            yield Text(f"{of}{_path(path, below)} has changed since this was made from it", BAD)


# ---------------------------------------------------------------- in all


def _summary(root: Node) -> Iterator[RenderableType]:
    artifacts = [one for one in root.everything() if one.manifest]
    jobs = {job_of(one.manifest): one for one in artifacts if one.manifest}
    commits = Counter(_commit(one) for one in artifacts)
    yield Text()
    counted = f"{_number(len(artifacts), 'artifact')} of {_number(len(jobs), 'job')}"
    yield Text(f"{counted}, which took {_cost(list(jobs.values()))}", "bold")
    yield Text(
        "Commits: "
        + ", ".join(
            f"{commit}{'' if clean else ' (uncommitted changes)'}: {count}"
            for (commit, clean), count in commits.items()
        )
    )
    differ = versions(artifacts)
    yield Text(
        "Package versions that differ: "
        + ("; ".join(f"{name} {', '.join(found)}" for name, found in differ.items()) or "none")
    )
    yield _verdict(artifacts)


def _verdict(artifacts: Sequence[Artifact]) -> Text:
    states = Counter(state for one in artifacts for state in one.states.values())
    bad = [f"{states[state]} {state}" for state in ("CHANGED", "gone") if states[state]]
    if other := sum(len(one.other_parents) for one in artifacts):
        bad.append(f"{other} made from something that has changed since")
    fine = f"{states['unchanged']} files unchanged, {states['not hashed']} folders not hashed"
    return Text(f"{', '.join(bad)}; {fine}", BAD) if bad else Text(fine)


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + "s" * (count != 1)

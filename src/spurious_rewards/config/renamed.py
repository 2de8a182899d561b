"""Keys of suites that were called otherwise before, so that an old suite is told the new name."""

RENAMED = {
    "precision": ("dtype",),
    "passes": ("num_iterations",),
    "sizes": ("resources",),
    "layout": ("accelerate_config",),
    "training_share": ("training_gpu_memory_utilization",),
    "sampling_share": ("sampling_gpu_memory_utilization",),
    "also": ("extra_grids",),
    "licence": ("license",),
    "parameters": ("num_parameters", "max_parameters"),
    "blank": ("on_blank",),
    "duplicate": ("on_duplicate",),
    "unreadable": ("on_unreadable",),
    "without": ("unless",),
}
"""Old key -> the new ones, of which each class of a suite has one at most."""


def renamed(key: str, allowed: list[str]) -> str:
    """The name that an old key has now, among those allowed in its place; "" if it was never a key there."""
    return next((new for new in RENAMED.get(key, ()) if new in allowed), "")

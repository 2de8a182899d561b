"""Old names of the keys of suites, so that the reader of an old suite is told the new name."""

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
"""Old key -> its new names. Each class of a suite has at most one of them."""


def renamed(key: str, allowed: list[str]) -> str:
    """Return the new name of an old key, if it is among `allowed`; "" if no old key there had this name."""
    return next((new for new in RENAMED.get(key, ()) if new in allowed), "")

"""Problem sets: sources, generators, cleaning, decontamination."""

"""Base layer of all packages: files, locks, processes, SLURM, progress, tracking, errors. No code of the study."""

"""What every part stands on: files, locks, processes, SLURM, progress, tracking, errors. It knows nothing of the study."""

"""Commands around a run, such as doctor, estimate, calibrate, fetch, recover, lineage, diff, export and verify."""

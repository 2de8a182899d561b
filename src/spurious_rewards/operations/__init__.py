"""What a person does around a run: doctor, estimate, fetch, recovery, partial report, lineage, diff, export."""

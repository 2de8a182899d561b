"""What lies on the disk: table schemas, paths, manifests, fingerprints, checkpoints, copies from the hub."""

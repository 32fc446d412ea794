"""What a comparison is on disk: records and rows. Knows nothing of how they are computed or shown."""

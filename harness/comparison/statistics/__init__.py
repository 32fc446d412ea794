"""How sure is a number? Resampling, tests, corrections and power; knows nothing of variants and splits."""

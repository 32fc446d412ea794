"""What do the scores say? Differences, shift, forgetting, interpolation, agreement; decides nothing."""

"""One file a command of the command line: parse, call, exit. Knows nothing of how anything is done."""

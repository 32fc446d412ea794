"""Methods that peft doesn't have, written as its own are: a config, a tuner and its layers, by its base classes.

peft then saves, loads, adds and switches them itself. Nothing here knows of recipes, training or proofs. A new method
is its files and one line in `registration.py`.
"""

import peft  # noqa: F401 - before the modules here, which need it: once it is imported, `harness` registers them

.PHONY: check test slow docs demo

check:  ## lint, format and types
	ruff check .
	ruff format --check .
	mypy

test:  ## all tests
	pytest -n 2

docs:  ## the snippets of README and docs, run
	pytest tests/test_docs.py

demo:  ## the pocket suite, end to end
	harness compare

slow:  ## simulations, and exports answered again: about ten minutes
	pytest -m slow

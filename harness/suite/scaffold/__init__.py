"""Makes a suite that runs out of a folder of documents, and of somebody's questions or else of cloze questions."""

from harness.suite.scaffold.scaffold import Scaffolded, ScaffoldRequest, scaffold

__all__ = ["ScaffoldRequest", "Scaffolded", "scaffold"]

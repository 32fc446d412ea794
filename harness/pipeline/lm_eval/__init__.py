"""Tasks of lm-evaluation-harness, asked by this engine: its own library makes the contexts and judges the answers.

Whatever imports that library, which is slow, does so inside of functions: a run without such tasks never waits for it.
"""

from harness.pipeline.lm_eval.suite import PREFIX, LMEvalSuite, load_lm_eval_suite, retention_suites

__all__ = ["PREFIX", "LMEvalSuite", "load_lm_eval_suite", "retention_suites"]

"""Several processes that train together, by accelerate's configuration: the first leads, the others train along.

Knows nothing of recipes and methods. Importing it loads torch only where a session begins.
"""

from harness.weights.distributed.session import check_launch, follow, session, silence

__all__ = ["check_launch", "follow", "session", "silence"]

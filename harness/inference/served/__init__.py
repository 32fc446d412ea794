"""Models behind an OpenAI-compatible server: what is sent, what comes back, and where every reply is kept."""

from harness.inference.served.model import ServedModel
from harness.inference.served.replies import Replies
from harness.inference.served.said import Said, SaidChoices
from harness.inference.served.wire import Turns

__all__ = ["Replies", "Said", "SaidChoices", "ServedModel", "Turns"]

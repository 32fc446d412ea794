"""How does one talk to an OpenAI-compatible server? Patiently, and without ever showing the key; knows of no model."""

from harness.api.client import ApiClient, Reply
from harness.api.server import ENDPOINTS, KEY_VARIABLE, Endpoint, Server

__all__ = ["ENDPOINTS", "KEY_VARIABLE", "ApiClient", "Endpoint", "Reply", "Server"]

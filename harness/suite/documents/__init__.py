"""Documents in: a folder of Markdown, text, HTML and PDF files, whoever wrote them. Knows nothing of suites."""

from harness.suite.documents.folder import Skipped, read_documents
from harness.suite.documents.limits import Limits

__all__ = ["Limits", "Skipped", "read_documents"]

"""Writes one variant of a run as a folder that answers without the harness, and proves that it answers alike."""

from harness.pipeline.export.export import export

__all__ = ["export"]

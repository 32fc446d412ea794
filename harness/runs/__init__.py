"""Where does it all live? Run folders, content-addressed artifacts, provenance; knows nothing of what is inside."""

from harness.runs.artifacts import Artifact, artifact_key
from harness.runs.cache import CACHE_VARIABLE, Cache, default_cache_root
from harness.runs.fingerprint import JSON, code_hash, file_hash, fingerprint, folder_hash, library_versions
from harness.runs.log import LOG, RunLog, log_time, read_log
from harness.runs.provenance import processor, provenance
from harness.runs.run_folder import RUN_SCHEMA, RunFolder
from harness.runs.timeline import OTHER, Span, StageTime, in_order, seconds_by_stage

__all__ = [
    "CACHE_VARIABLE",
    "JSON",
    "LOG",
    "OTHER",
    "RUN_SCHEMA",
    "Artifact",
    "Cache",
    "RunFolder",
    "RunLog",
    "Span",
    "StageTime",
    "artifact_key",
    "code_hash",
    "default_cache_root",
    "file_hash",
    "fingerprint",
    "folder_hash",
    "in_order",
    "library_versions",
    "log_time",
    "processor",
    "provenance",
    "read_log",
    "seconds_by_stage",
]

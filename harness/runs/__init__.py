"""Where does it all live? Run folders, content-addressed artifacts, provenance; knows nothing of what is inside."""

from harness.runs.cache import CACHE_VARIABLE, Artifact, Cache, artifact_key, default_cache_root
from harness.runs.fingerprint import JSON, code_hash, file_hash, fingerprint, folder_hash, library_versions
from harness.runs.provenance import provenance
from harness.runs.run_folder import RUN_SCHEMA, RunFolder

__all__ = [
    "CACHE_VARIABLE",
    "JSON",
    "RUN_SCHEMA",
    "Artifact",
    "Cache",
    "RunFolder",
    "artifact_key",
    "code_hash",
    "default_cache_root",
    "file_hash",
    "fingerprint",
    "folder_hash",
    "library_versions",
    "provenance",
]

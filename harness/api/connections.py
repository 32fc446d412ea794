"""Opens connections to a server, by the proxies and certificates that the environment names."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from harness.api.secrets import shown
from harness.api.server import Server
from harness.errors import InputError

if TYPE_CHECKING:
    import httpx

# What OpenSSL says where the other end speaks no TLS (by its version), or isn't who it should be.
NOT_MENDED_BY_WAITING = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "CERTIFICATE_VERIFY_FAILED")

logger = logging.getLogger(__name__)


def connections(server: Server) -> "httpx.Client":
    """What requests are sent by: no redirects, since a key must not follow one to another host.

    Raises InputError where httpx is missing, or where the environment names a proxy or certificates of no use.
    """
    try:
        import httpx
    except ImportError:
        raise InputError(
            'models behind a server need httpx, which is not installed. Install it: pip install "harness[api]"'
        ) from None

    class Key(httpx.Auth):
        """Puts the key on a request as it is sent, so that no object of ours holds it."""

        def auth_flow(self, request: httpx.Request) -> "Iterator[httpx.Request]":  # type: ignore[override]
            key = server.key()
            if key:
                request.headers["Authorization"] = f"Bearer {key}"
            yield request

    parts = urlsplit(server.url)
    if parts.scheme == "http" and server.key() and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        logger.warning("%s: the key in %s is sent without encryption.", server.url, server.key_variable)
    limits = httpx.Limits(max_connections=server.concurrency, max_keepalive_connections=server.concurrency)
    try:
        return httpx.Client(auth=Key(), timeout=server.timeout_seconds, limits=limits, follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        raise InputError(
            f"a proxy or certificates that the environment names can't be used ({shown(str(error), None)}). Check "
            "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None


def proxy_told(url: str) -> str:
    """By which proxy the environment leads requests to `url`, as it is added to a failure; nothing for none."""
    parts, proxies = urlsplit(url), getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), "")
    if not kind or proxy_bypass(parts.hostname or ""):
        return ""
    return f", by the proxy that {kind.upper()}_PROXY names; NO_PROXY={parts.hostname} asks without it"

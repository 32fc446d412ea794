"""What the user is told when a server refuses, or when it was asked often enough."""

from harness.api.server import Server
from harness.errors import ApiError

_REMEDIES = {
    400: "Check the model's name and the settings of the request",
    402: "Check the account's balance",
    403: "Check what the key is allowed to do",
    404: "Check the server's URL (it usually ends in /v1) and the model's name",
    405: "The server doesn't offer this. Check its URL (it usually ends in /v1)",
    413: "Show fewer passages or shots",
    501: "The server doesn't offer this",
}


def refused(server: Server, place: str, status: int, code: str, said: str) -> ApiError:
    """The error for a request that need not be sent again."""
    told = said.rstrip(" .") or "nothing said"
    if status == 401:
        known = "is not set" if server.key() is None else "holds a key that the server doesn't take"
        remedy = f"The environment variable {server.key_variable} {known}: set {server.key_variable} to a valid key"
    elif 300 <= status < 400:
        remedy = "It wants to be asked elsewhere, where the key is not sent unasked. Give that URL if you trust it"
    elif code == "insufficient_quota":
        remedy = "The budget is used up. Raise it, then repeat the command: replies that came are kept"
    else:
        remedy = _REMEDIES.get(status, "Mend what it names")
    return ApiError(f"{place}: refused with status {status}: {told}. {remedy}.", status, code)


def exhausted(place: str, reason: str, attempts: int, seconds: float, status: int | None) -> ApiError:
    """The error for a request that failed too often, or that the server wants to hear only much later."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return ApiError(
        f"{place}: asked {times} in {seconds:.0f} s, and it still fails ({reason}). Check that the server runs and is "
        "not overloaded, lower the concurrency, or come back later: repeat the command, what was replied is kept.",
        status,
    )


def distrusted(place: str, reason: str) -> ApiError:
    """The error for a connection that can't be made safe, which no repetition mends."""
    return ApiError(
        f"{place}: there is no safe connection ({reason}). If the server speaks no TLS, write http:// in its URL; if "
        "its certificate is your own, name the file of its authority in SSL_CERT_FILE."
    )


def stopped(url: str) -> ApiError:
    """The error for what was under way when something else failed."""
    return ApiError(f"{url}: not asked again, since another request failed.")

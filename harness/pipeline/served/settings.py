"""What a request says of the server that is to answer."""

from pydantic import BaseModel, ConfigDict, Field

from harness.api import KEY_VARIABLE, Endpoint, Server
from harness.errors import InputError

MANNER = {"key_variable", "concurrency", "timeout_seconds", "retries", "fresh"}  # how it is asked, and not what


class ServerSettings(BaseModel):
    """The server, and how it is asked; see `harness.api.Server`.

    `tokenizer` is the folder or hub id of the model's tokenizer: with it tokens are counted, and passages left out
    where the window is short. `fresh` asks anew what was asked before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    endpoint: Endpoint = "chat"
    tokenizer: str | None = None
    key_variable: str = Field(default=KEY_VARIABLE, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    concurrency: int = Field(default=8, ge=1, le=1024)
    timeout_seconds: float = Field(default=60.0, gt=0)
    retries: int = Field(default=6, ge=0, le=100)
    fresh: bool = False

    def server(self) -> Server:
        """The server as a client asks it; raises InputError where there is no address, or it is none."""
        if not self.url:
            raise InputError("it is said how a server is asked, and not which. Say it with --server URL (server.url).")
        return Server(self.url, self.key_variable, self.concurrency, self.timeout_seconds, self.retries)

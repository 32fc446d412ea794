"""What a request says of the server that is to answer."""

from pydantic import BaseModel, ConfigDict, Field

from harness.api import KEY_VARIABLE, Endpoint, Server

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
        """The server as a client asks it; raises InputError for an address that is none."""
        return Server(self.url, self.key_variable, self.concurrency, self.timeout_seconds, self.retries)

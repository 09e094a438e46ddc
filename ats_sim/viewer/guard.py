"""Who may talk to the server: only pages that it served itself, to somebody who has this run's link.

Listening on 127.0.0.1 is not enough: any web page in the user's browser can connect there (RFC 6455, section 10.2), and
a foreign name can be made to resolve to it. So Host and Origin must be this server's own, and the link holds a token
that is drawn anew for every run.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")


@dataclass(frozen=True)
class Guard:
    """Checks requests."""

    port: int
    """Where the server listens."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """What the link holds."""

    @property
    def link(self) -> str:
        """The address to open."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def refusal(self, path: str, headers: Mapping[str, list[str]]) -> str:
        """Why a request is refused; empty where it may pass.

        Args:
            path: Path and query.
            headers: All values of `host` and of `origin`.
        """
        hosts, origins = headers.get("host", []), headers.get("origin", [])
        own = {f"{name}:{self.port}" for name in NAMES}
        if len(hosts) != 1 or hosts[0] not in own:
            return "Host is not this server's own"
        if len(origins) > 1 or any(
            origin not in {f"http://{name}:{self.port}" for name in NAMES} for origin in origins
        ):
            return "Origin is not this server's own"
        given = parse_qs(urlsplit(path).query).get("token", [""])
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self.token.encode()):
            return "open the whole link that `ats view` printed: the token is missing or of another run"
        return ""

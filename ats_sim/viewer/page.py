"""The page: one file without outside parts, and the headers that keep it so."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files


def page_source() -> bytes:
    """The page's bytes."""
    return files("ats_sim.viewer").joinpath("page.html").read_bytes()


def page_headers(page: bytes, port: int) -> dict[str, str]:
    """Headers of the page: nothing but its own script may run, and it may connect to nothing but this server."""
    script = re.search(rb"<script>(.*?)</script>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.group(1) if script else b"").digest()).decode()
    sockets = f"ws://127.0.0.1:{port} ws://localhost:{port}"
    policy = (
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(page)),
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Connection": "close",
    }

"""The pages: each one file without outside parts, and the headers that keep it so."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files

PAGES: Mapping[str, str] = {"/": "page.html", "/vr": "vr.html"}
"""Files of the pages, by where they are served."""
KEPT = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin", "Connection": "close",
}  # fmt: skip
"""Headers of everything that is served: it is for this server's own pages, and nobody stores it."""


def page_source(name: str) -> bytes:
    """A page's bytes, with the scripts that lie beside it put where it names them."""
    folder = files("ats_sim.viewer")

    def script(named: re.Match[bytes]) -> bytes:
        return b"<script>\n" + folder.joinpath(named.group(1).decode()).read_bytes() + b"</script>"

    return re.sub(rb'<script src="([a-z_]+\.js)"></script>', script, folder.joinpath(name).read_bytes())


def page_headers(page: bytes, port: int) -> dict[str, str]:
    """Headers of a page: nothing but its own scripts may run, and it may connect to nothing but this server."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    sockets = f"ws://127.0.0.1:{port} ws://localhost:{port}"
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(page)),
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        **KEPT,
    }


def mesh_headers(data: bytes) -> dict[str, str]:
    """Headers of a glTF file."""
    return {"Content-Type": "model/gltf-binary", "Content-Length": str(len(data)), **KEPT}

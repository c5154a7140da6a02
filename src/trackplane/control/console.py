"""The console's built files, served from inside the package.

Only GET of what is not under ``/api`` or ``/health`` falls back to the console's page; everything
else unknown is 404, whatever its method.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler

from trackplane.control.problems import NotFoundError

STATIC: Final = Path(__file__).parent / "static"
_HEADERS: Final[Mapping[str, str]] = {
    # Styles are set on elements by the component library; scripts come from files only.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_ABSENT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Trackplane</title>
<h1>No console in this build</h1>
<p>The API is at <code>/api/v1</code>. <code>make console</code> builds the console.</p>
</html>
"""
_METHODS: Final = [
    HttpMethod.GET,
    HttpMethod.POST,
    HttpMethod.PUT,
    HttpMethod.PATCH,
    HttpMethod.DELETE,
]


def console_handler(folder: Path = STATIC) -> HTTPRouteHandler:
    """Return the handler of every path that is no operation."""
    # The names are read once: a path from outside is only ever looked up, never joined.
    files = {
        path.relative_to(folder).as_posix(): path
        for path in (folder.rglob("*") if folder.is_dir() else ())
        if path.is_file()
    }

    @route(["/", "/{path:path}"], http_method=_METHODS, status_code=200)
    async def serve(request: Request[Any, Any, Any]) -> Response[bytes]:
        name = request.url.path.lstrip("/")
        if request.method != "GET" or name.split("/", 1)[0] in {"api", "health"}:
            raise NotFoundError(f"there is nothing at {request.url.path:.200}")
        path = files.get(name)
        if path is None and name.startswith("assets/"):
            raise NotFoundError(f"there is no file {name:.200}")
        path = path or files.get("index.html")
        if path is None:
            return Response(_ABSENT, media_type="text/html", headers=_HEADERS)
        kept = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {**_HEADERS, "Cache-Control": kept}
        return Response(await asyncio.to_thread(path.read_bytes), media_type=kind, headers=headers)

    return serve

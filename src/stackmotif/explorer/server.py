"""The explorer's server: loopback only, a random key in every address, no scripts."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from stackmotif.errors import StackmotifError
from stackmotif.explorer import pages

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of every page."""

_HOSTS: Final = ("127.0.0.1", "localhost")


class ExplorerServer(ThreadingHTTPServer):
    """A server on 127.0.0.1 for one catalog.

    Parameters
    ----------
    catalog : mapping of str to Motif
        What is shown.
    port : int
        Port; 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, catalog: Mapping[str, Any], *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.catalog = catalog
        self.token = secrets.token_urlsafe(24)

    @property
    def port(self) -> int:
        """Port that the server listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Address of the first page, key included."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"


def serve(
    *,
    port: int = 0,
    catalog: Mapping[str, Any] | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the explorer on this machine until interrupted.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 takes a free one.
    catalog : Mapping, optional
        Catalog to show; the bundled one by default.
    on_ready : callable, optional
        Called with the address, which holds a random key, once the server listens.

    Raises
    ------
    StackmotifError
        If the port cannot be used.
    """
    if catalog is None:
        from stackmotif.catalog import load_catalog

        catalog = load_catalog()
    try:
        server = ExplorerServer(catalog, port=port)
    except OSError as error:
        raise StackmotifError(
            f"port {port} cannot be used ({error.strerror}); expected a free one: pass 0"
        ) from error
    with server:
        if on_ready is not None:
            on_ready(server.url)
        server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the pages; everything else is refused."""

    server: ExplorerServer
    server_version = "stackmotif"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        """Answer with a page's headers."""
        self._answer(send_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep requests off the terminal."""

    def _answer(self, *, send_body: bool) -> None:
        status, page = self._page()
        body = page.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def _page(self) -> tuple[HTTPStatus, str]:
        if self.headers.get("Host", "") not in {f"{h}:{self.server.port}" for h in _HOSTS}:
            return HTTPStatus.FORBIDDEN, "refused: this address is not the explorer's"
        url = urlsplit(self.path)
        _, key, *rest = [*url.path.split("/"), "", ""]
        if not hmac.compare_digest(key.encode(), self.server.token.encode()):
            return HTTPStatus.FORBIDDEN, "refused: open the address that the command printed"
        return self._routed([unquote(part) for part in rest if part], parse_qs(url.query))

    def _routed(self, parts: list[str], query: dict[str, list[str]]) -> tuple[HTTPStatus, str]:
        root = f"/{self.server.token}/"
        if not parts:
            return HTTPStatus.OK, pages.list_page(self.server.catalog, root=root)
        if parts == ["spell"]:
            return HTTPStatus.OK, pages.spell_page(query.get("word", [""])[0], root=root)
        if parts[0] == "entry" and len(parts) == 2:
            page = pages.entry_page(self.server.catalog, parts[1], root=root)
            if page is not None:
                return HTTPStatus.OK, page
        return HTTPStatus.NOT_FOUND, pages.message_page("There is no such page.", root=root)

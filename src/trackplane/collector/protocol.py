"""uvicorn's HTTP protocol with a bound that it lacks: on what comes before a request's body."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers never end; httptools would keep them all."""

    _in_head = True
    _head_bytes = 0
    _ends = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        ends = self._ends
        super().data_received(data)
        # Bytes are a head's only if neither a head nor a body ended among them.
        if self._in_head and ends == self._ends:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("Request line and headers are too large.")

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._in_head = False
        self._ends += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request's head."""
        self._in_head = True
        self._head_bytes = 0
        self._ends += 1
        super().on_message_complete()

"""uvicorn's HTTP protocol with a bound that it lacks: on what comes before a request's body."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers never end; httptools would keep them all."""

    _in_head = True
    _head_bytes = 0
    _heads = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        heads = self._heads
        super().data_received(data)
        # A read in which a head ended may be a whole request: only one without an end counts.
        if self._in_head and heads == self._heads:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("Request line and headers are too large.")

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._in_head = False
        self._heads += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request's head."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()

"""Send events to Trackplane from Python.

>>> from trackplane_sdk import Client
>>> with Client("tpw_…", "http://localhost:8080") as client:  # doctest: +SKIP
...     client.send("order_pay", {"who": {"user_id": "u1"}, "what": {"total": {"value": 9.5}}})

``Client`` batches in the background, retries until an answer is final, and counts whatever it had
to give up. Generated trackers (``trackplane codegen python``) need only a ``Sender``.
"""

from trackplane_sdk.client import Client, ClientSettings, Sender, Statistics

__all__ = ["Client", "ClientSettings", "Sender", "Statistics"]
__version__ = "0.1.0"

"""The Telemetry API (2022-07-01) and the Logs API (2020-08-15): how extensions subscribe to telemetry.

Only registered extensions, only while the environment initialises, and each by one of the two APIs. What a
subscription may be is function_subscriptions.py's; docs/aws/lambda.md section "Telemetry".
"""

from __future__ import annotations

from windlass.node.extensions_api import ExtensionsApi, refuse
from windlass.node.function_lines import sandbox_fault
from windlass.node.function_log import FunctionLog
from windlass.node.function_records import subscription as subscribed
from windlass.node.function_subscriptions import Api, BadSubscription, parse
from windlass.node.function_telemetry import Telemetry
from windlass.node.http import Connection, Request

_WORDS = {
    "telemetry": ("ValidationError", "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed"),
    "logs": ("Logs.ValidationError", "Logs.SubscriptionClosed", "Logs API subscription is closed"),
}
PREFIXES: dict[str, Api] = {"/2022-07-01/": "telemetry", "/2020-08-15/": "logs"}
"""Where the APIs are; the only path in each is the API's name."""


class TelemetryApi:
    """One of the two APIs of one environment."""

    def __init__(self, api: Api, extensions: ExtensionsApi, telemetry: Telemetry, log: FunctionLog) -> None:
        self._api = api
        self._extensions = extensions
        self._telemetry = telemetry
        self._log = log

    def lost(self, connection: Connection) -> None:
        """Nobody waits here."""

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer one request."""
        invalid, closed, words = _WORDS[self._api]
        if request.path.rstrip("/").rpartition("/")[2] != self._api:
            connection.write(404, b"404 page not found\n", content_type="text/plain")
        elif request.method != "PUT":
            connection.write(405, b"")
        elif (extension := self._extensions.identified(request, connection)) is None:
            pass
        elif not self._telemetry.is_open:
            refuse(connection, closed, words)
        else:
            try:
                wanted = parse(self._api, bytes(request.body or b""))
                earlier = self._telemetry.subscription(extension.name)
                if earlier is not None and earlier.api != self._api:
                    raise BadSubscription(f"{extension.name} is subscribed by the {earlier.api} API")
            except BadSubscription as error:
                connection.write(400, sandbox_fault(invalid, str(error)))
                return
            connection.write(200, b'"OK"')
            self._telemetry.subscribe(extension.name, wanted)
            self._log.platform(subscribed(self._api, extension.name, wanted.types))

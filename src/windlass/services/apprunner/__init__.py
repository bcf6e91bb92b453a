"""AWS App Runner: web applications from an image or from source code, with a URL, that scale by requests.

What this decides: which version of a service runs, on how many instances, and who of them gets a request. It
must not know where instances run: it writes units, the fleet places them. Known gaps: docs/aws/apprunner.md.
"""

from __future__ import annotations

from windlass.services.apprunner.configuration_model import (
    CONNECTIONS,
    CONNECTORS,
    DEFAULT_SCALINGS,
    DOMAINS,
    INGRESSES,
    OBSERVABILITIES,
    SCALINGS,
)
from windlass.services.apprunner.model import DEPLOYMENTS, OPERATIONS, SERVICES
from windlass.services.plane import Service

SERVICE = Service(
    name="apprunner",
    handlers={},
    tables=(
        SERVICES,
        DEPLOYMENTS,
        OPERATIONS,
        SCALINGS,
        DEFAULT_SCALINGS,
        OBSERVABILITIES,
        CONNECTIONS,
        CONNECTORS,
        INGRESSES,
        DOMAINS,
    ),
    invalid="InvalidRequestException",
)

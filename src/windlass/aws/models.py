"""botocore's service models, loaded when first asked for.

Opening one takes about 10 ms (ec2 50 ms) and no network. The objects are kept: protocols cache what they
compile by operation, so an operation must stay the same object.
"""

from __future__ import annotations

from collections.abc import Iterable

from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from windlass.aws.known import KnownServices, read_table


class Models:
    """The models of the services that this plane serves, and the names of all others."""

    def __init__(self, served: Iterable[str]) -> None:
        self.served = frozenset(served)
        self.known: KnownServices = read_table()
        self._loader = Loader()
        self._services: dict[str, ServiceModel] = {}
        self._operations: dict[tuple[str, str], OperationModel] = {}
        unknown = sorted(self.served - set(self.known.by_name))
        if unknown:
            raise ValueError(f"botocore has no service {', '.join(unknown)}")

    def service(self, name: str) -> ServiceModel:
        """The model of a service by botocore's name, `ecs`. Raises KeyError for one that botocore lacks."""
        found = self._services.get(name)
        if found is None:
            if name not in self.known.by_name:
                raise KeyError(name)
            description = self._loader.load_service_model(name, "service-2")
            found = self._services[name] = ServiceModel(description, name)
        return found

    def operation(self, service: str, name: str) -> OperationModel | None:
        """An operation by its model name, `RunTask`; None when the service has none of that name."""
        found = self._operations.get((service, name))
        if found is None:
            try:
                found = self.service(service).operation_model(name)
            except OperationNotFoundError:
                return None
            self._operations[service, name] = found
        return found

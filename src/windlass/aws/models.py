"""botocore's service models, loaded when first asked for.

Opening one takes about 10 ms (ec2 50 ms) and no network. The objects are kept, for all planes of a process
(a simulation has hundreds): protocols cache what they compile by operation, so an operation must stay the
same object. Nobody may change a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from windlass.aws.known import KnownServices, read_table


class Models:
    """The models of the services that this plane serves, and the names of all others."""

    def __init__(self, served: Iterable[str]) -> None:
        self.served = frozenset(served)
        self.known: KnownServices = read_table()
        self._operations: dict[tuple[str, str], OperationModel] = {}
        unknown = sorted(self.served - set(self.known.by_name))
        if unknown:
            raise ValueError(f"botocore has no service {', '.join(unknown)}")

    def service(self, name: str) -> ServiceModel:
        """The model of a service by botocore's name, `ecs`. Raises KeyError for one that botocore lacks."""
        if name not in self.known.by_name:
            raise KeyError(name)
        return _service(name)

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


@cache
def _service(name: str) -> ServiceModel:
    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


@cache
def _loader() -> Loader:
    return Loader()

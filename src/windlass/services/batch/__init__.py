"""AWS Batch: compute environments, queues, job definitions, and jobs that really run.

What this decides: which job runs next and where, what its attempts are told, what follows from their end. It
must not know where units run: it writes them, the fleet places them. Known gaps: see docs/aws/batch.md.
"""

from __future__ import annotations

from windlass.services.batch.model import JOB_TABLES
from windlass.services.batch.resource_model import RESOURCE_TABLES
from windlass.services.plane import Service

SERVICE = Service(
    name="batch",
    handlers={},
    tables=(*RESOURCE_TABLES, *JOB_TABLES),
    invalid="ClientException",
    throttled="TooManyRequestsException",
)

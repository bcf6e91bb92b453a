"""The services of this plane: the one list that names them all."""

from __future__ import annotations

from windlass.services import (
    acm,
    application_autoscaling,
    apprunner,
    autoscaling,
    batch,
    cloudwatch,
    ec2,
    ecs,
    elbv2,
    events,
    iam,
    lambda_,
    logs,
    secretsmanager,
    service_quotas,
    sqs,
    ssm,
    sts,
)
from windlass.services.plane import Service

SERVICES: tuple[Service, ...] = (
    acm.SERVICE,
    application_autoscaling.SERVICE,
    apprunner.SERVICE,
    autoscaling.SERVICE,
    batch.SERVICE,
    cloudwatch.SERVICE,
    ec2.SERVICE,
    ecs.SERVICE,
    elbv2.SERVICE,
    events.SERVICE,
    iam.SERVICE,
    lambda_.SERVICE,
    logs.SERVICE,
    secretsmanager.SERVICE,
    service_quotas.SERVICE,
    sqs.SERVICE,
    ssm.SERVICE,
    sts.SERVICE,
)

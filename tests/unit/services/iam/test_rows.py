"""Rows survive the log: what a restart reads is what was written."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tests.build import a_plane, call
from tests.certificate_build import a_certificate
from windlass.aws.credentials import CREDENTIALS
from windlass.kernel.store import Table
from windlass.services.iam import SERVICE
from windlass.services.iam.model import TABLES
from windlass.services.sts import SERVICE as STS

TRUST = '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
ALLOW = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
TAGS = [{"Key": "a", "Value": "b"}]


async def _fill(plane: Any) -> None:
    role = await call(plane, "iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=TAGS)
    policy = await call(plane, "iam", "CreatePolicy", PolicyName="p", PolicyDocument=ALLOW, Tags=TAGS)
    arn = policy["Policy"]["Arn"]
    await call(plane, "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=ALLOW)
    await call(plane, "iam", "AttachRolePolicy", RoleName="r", PolicyArn=arn)
    await call(plane, "iam", "PutRolePolicy", RoleName="r", PolicyName="i", PolicyDocument=ALLOW)
    await call(plane, "iam", "CreateUser", UserName="u")
    await call(plane, "iam", "CreateAccessKey", UserName="u")
    made = {"CertificateBody": a_certificate("web.example").certificate}
    made |= {"PrivateKey": a_certificate("web.example").key}
    await call(plane, "iam", "UploadServerCertificate", ServerCertificateName="c", **made)
    await call(plane, "sts", "AssumeRole", RoleArn=role["Role"]["Arn"], RoleSessionName="s1")


def test_every_table_reads_what_it_wrote() -> None:
    """Nested versions, pairs of tags, and temporary keys."""
    plane = a_plane(SERVICE, STS)
    asyncio.run(_fill(plane))
    tables: tuple[Table[Any], ...] = (*TABLES, CREDENTIALS)
    for table in tables:
        rows = list(plane.store[table].all())
        assert rows, table.name
        for row in rows:
            assert msgspec.json.decode(msgspec.json.encode(row), type=table.row) == row

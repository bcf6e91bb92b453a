"""`windlass plan --from-live`: a scenario of what a plane or an AWS account has, printed.

With the user's own credentials, as every AWS client finds them; what is called is in planner/live/reads.py.
Progress goes to stderr.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from windlass.cli.output import fail

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.client import BaseClient

PANEL = "With --from-live"
EndpointUrl = Annotated[
    str | None,
    typer.Option(help="URL of a plane; without it AWS.", rich_help_panel=PANEL, show_default=False),
]
ProfileName = Annotated[
    str | None,
    typer.Option(help="Profile of your AWS configuration.", rich_help_panel=PANEL, show_default=False),
]
Region = Annotated[str | None, typer.Option(help="AWS Region.", rich_help_panel=PANEL, show_default=False)]
WithEnvironment = Annotated[
    bool,
    typer.Option(
        "--with-environment", help="Keep variables that look like no secret.", rich_help_panel=PANEL
    ),
]
WithTraffic = Annotated[
    bool,
    typer.Option(
        "--with-traffic", help="Add what CloudWatch saw in the last 24 hours.", rich_help_panel=PANEL
    ),
]
HOURS = 24
ATTEMPTS_MAX = 10
"""Of a throttled call, each after a longer time."""
FIRST_ATTEMPTS_MAX = 2
"""Of the first call: whoever has no credentials or no network wants to know it soon."""
REGION = "us-east-1"
"""Asked for where nobody says one."""


def asked(
    from_live: bool,
    endpoint_url: str | None,
    profile_name: str | None,
    region: str | None,
    with_environment: bool,
    with_traffic: bool,
) -> bool:
    """Print the scenario, if it is what is asked for; else none of its options may be given."""
    if from_live:
        print_scenario(endpoint_url, profile_name, region, with_environment, with_traffic)
        return True
    given = {
        "--endpoint-url": endpoint_url,
        "--profile-name": profile_name,
        "--region": region,
        "--with-environment": with_environment,
        "--with-traffic": with_traffic,
    }
    for name, value in given.items():
        if value:
            fail(f"{name} is for --from-live", 2)
    return False


def print_scenario(
    endpoint_url: str | None,
    profile_name: str | None,
    region: str | None,
    with_environment: bool,
    with_traffic: bool,
) -> None:
    """Ask, write, try what a simulated plane takes of it, print."""
    from windlass.aws.quotas import load_profile
    from windlass.planner.live.from_live import draft_of, text_of
    from windlass.planner.live.survey import CannotSurvey, Survey
    from windlass.planner.playing.play import refusals
    from windlass.planner.scenario.reading import parse
    from windlass.sim import world

    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = (now - timedelta(hours=HOURS), now) if with_traffic else None
    try:
        found = Survey(_clients(endpoint_url, profile_name, region), _tell, hours).read()
    except CannotSurvey as error:
        fail(str(error), 2)
    draft = draft_of(found, world.REGION, load_profile("aws").quotas, with_environment)
    refused = refusals(parse(text_of(draft, {}), "the scenario"))
    for place, why in refused.items():
        _tell(f"left out: {draft.resources[place].name}: {why}")
    print(text_of(draft, refused), end="")


def _clients(endpoint_url: str | None, profile_name: str | None, region: str | None) -> _Clients:
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        session = boto3.session.Session(profile_name=profile_name, region_name=region)
    except ProfileNotFound as error:
        fail(str(error), 2)
    return _Clients(session, endpoint_url)


class _Clients:
    """Makes the clients of a survey."""

    def __init__(self, session: Session, endpoint_url: str | None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url

    def __call__(self, service: str) -> BaseClient:
        from botocore.config import Config

        # A plane lets in whoever has any credentials (windlass up --auth open): none have to be there.
        nobody = self._endpoint_url is not None and self._session.get_credentials() is None
        keys = {"aws_access_key_id": "windlass", "aws_secret_access_key": "windlass"} if nobody else {}
        attempts = FIRST_ATTEMPTS_MAX if service == "sts" else ATTEMPTS_MAX
        client: BaseClient = self._session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._endpoint_url,
            region_name=self._session.region_name or REGION,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
            **keys,
        )
        return client


def _tell(line: str) -> None:
    print(f"windlass: {line}", file=sys.stderr, flush=True)

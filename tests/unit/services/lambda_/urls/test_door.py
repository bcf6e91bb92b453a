"""Requests to a function URL on a plane whose node is played: what is counted, and what breaks."""

from __future__ import annotations

from tests.build import ACCOUNT, NOW, REGION
from tests.lambda_build import Lambda, PlayedNode, a_lambda, echo, failed
from tests.unit.services.lambda_.test_metering import values
from windlass.aws.wire import Request, Response
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import MINUTE, LoopClock
from windlass.kernel.faults import Retry
from windlass.services.lambda_.urls.door import UrlDoor
from windlass.services.lambda_.urls.model import FUNCTION_URLS
from windlass.sim.loop import VirtualLoop


async def public(world: Lambda) -> UrlDoor:
    """f with a URL for everybody."""
    await world.function()
    await world.do("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        sid = action.rpartition(":")[2]
        await world.do("AddPermission", FunctionName="f", StatementId=sid, Action=action, Principal="*")
    return UrlDoor(world.plane, "open", REGION)


async def visited(world: Lambda, door: UrlDoor, path: str = "/") -> Response:
    [url] = world.plane.store[FUNCTION_URLS].all()
    host = f"{url.url_id}.lambda-url.{REGION}.localhost:1"
    visit = door.at(host)
    assert visit is not None
    return await visit(Request("GET", path, headers={"host": host}))


def test_what_is_counted() -> None:
    """Requests, their kinds of failure, and how long they took, by the minute."""
    loop = VirtualLoop.make()

    async def runs(invoke: Invoke) -> InvokeResult:
        if b"/lost" in invoke.payload:
            raise Retry("lost")
        return failed(invoke) if b"/fails" in invoke.payload else await echo(invoke)

    async def story() -> None:
        async with a_lambda(PlayedNode(runs=runs), clock=LoopClock(loop, NOW)) as world:
            door = await public(world)
            statuses = [(await visited(world, door, path)).status for path in ("/", "/fails", "/lost")]
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
            statuses.append((await visited(world, door)).status)
            assert statuses == [200, 502, 502, 429]
            await world.plane.clock.sleep(2 * MINUTE)
            assert values(world, "UrlRequestCount") == [4]
            assert (values(world, "Url5xxCount"), values(world, "Url4xxCount")) == ([2], [1])
            assert len(values(world, "UrlRequestLatency")) == 1

    loop.run(story())


def test_hosts_of_nobody() -> None:
    """A host that was never one, and one whose URL is gone; all other hosts are the plane's."""
    loop = VirtualLoop.make()

    async def story() -> None:
        async with a_lambda(clock=LoopClock(loop, NOW)) as world:
            door = await public(world)
            assert door.at("localhost:4566") is None and door.at("") is None
            assert (await visited(world, door)).status == 200
            [url] = world.plane.store[FUNCTION_URLS].all()
            assert url.account == ACCOUNT
            host = f"{url.url_id}.lambda-url.us-west-2.localhost"
            assert (await door.answer(Request("GET", "/", headers={"host": host}))).status == 404

    loop.run(story())

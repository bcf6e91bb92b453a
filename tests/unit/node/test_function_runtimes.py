"""Node.js and custom runtimes with real processes: what handlers may be, what callers get, what is logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.node.function_world import World
from tests.unit.node.test_function_host import play, told
from windlass.fleet.messages import InvokeResult

NODEJS = (("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs18.x"),)


def node(world: World, files: Mapping[str, str] | str, handler: str = "app.handler", **spec: Any) -> str:
    """Start an environment of Node.js; plain text becomes app.js. Node.js itself needs about 50 MiB."""
    members = {"app.js": files} if isinstance(files, str) else files
    spec = {"timeout_s": 30, "init_timeout_s": 60, **spec}
    return world.start(members, handler=handler, runtime="nodejs18.x", memory_mib=256, **spec)


def logged(result: InvokeResult) -> str:
    return result.log_tail.decode()


HANDLERS = """
const kept = { count: 0 };
exports.main = {
  echo: async (event, context) => ({ event, count: ++kept.count, id: context.awsRequestId,
    arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() <= 30000 }),
  nothing: async () => {},
  callback(event, context, callback) {
    context.callbackWaitsForEmptyEventLoop = event.waits;
    const later = setTimeout(() => { kept.count = "late"; }, event.later);
    callback(null, { got: event.later });
  },
  silent() { setTimeout(() => {}, 5); },
  fails: async () => { throw new TypeError("no\\nway"); },
  throws() { throw "a string"; },
  refuses(event, context, callback) { callback(new Error("refused")); },
  circle: async () => { const it = {}; it.it = it; return it; },
};
exports.pick = (event, context, callback) => exports.main[event.call](event, context, callback);
"""


def test_what_a_node_handler_may_be(tmp_path: Any) -> None:
    """Promises, callbacks, nothing at all; errors of each kind; all in one process."""

    async def story(world: World) -> None:
        unit = node(world, HANDLERS, "app.pick", environment=NODEJS)

        async def call(name: str, **event: Any) -> Any:
            return told(await world.invoke(unit, {"call": name, **event}))

        first = await world.invoke(unit, {"call": "echo", "a": "ü"}, request_id="r9")
        assert told(first) == {
            "event": {"call": "echo", "a": "ü"},
            "count": 1,
            "id": "r9",
            "arn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "left": True,
        }
        assert first.init_ns > 0
        assert await call("nothing") is None
        assert await call("silent") is None
        assert await call("callback", waits=True, later=5) == {"got": 5}
        assert (await call("echo"))["count"] is None  # "late" + 1: the callback's result waited for the timer
        failed = await world.invoke(unit, {"call": "fails"})
        error = told(failed)
        assert (error["errorType"], error["errorMessage"]) == ("TypeError", "no\nway")
        assert error["trace"][0] == "TypeError: no" and failed.usable
        assert "\tERROR\tInvoke Error \t" in logged(failed)
        assert await call("throws") == {"errorType": "string", "errorMessage": "a string", "trace": []}
        assert (await call("refuses"))["errorMessage"] == "refused"
        assert (await call("circle"))["errorMessage"] == "Unable to stringify response body"
        assert await call("callback", waits=False, later=600_000) == {"got": 600_000}

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("files", "handler", "expected"),
    [
        ({"app.mjs": "await null; export const go = async () => 1"}, "app.go", 1),
        ({"app.cjs": "exports.go = async () => 2"}, "app.go", 2),
        (
            {"package.json": '{"type": "module"}', "in/app.js": "export const go = async () => 3"},
            "in/app.go",
            3,
        ),
        ({"a.js": "exports.b = { c: async () => 4 }"}, "a.b.c", 4),
    ],
)
def test_where_a_node_handler_may_be(
    tmp_path: Any, files: Mapping[str, str], handler: str, expected: int
) -> None:
    """ES modules by suffix and by package.json, CommonJS, folders, nested objects."""

    async def story(world: World) -> None:
        assert told(await world.invoke(node(world, files, handler))) == expected

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        (
            "exports.x = 1",
            "app.handler",
            "Runtime.HandlerNotFound",
            "app.handler is undefined or not exported",
        ),
        ("exports.x = 1", "app.x", "Runtime.HandlerNotFound", "app.x is not a function"),
        ("x", "none.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'none'"),
        ("let let = 1", "app.handler", "Runtime.UserCodeSyntaxError", ""),
        (
            "x",
            "../app.handler",
            "Runtime.MalformedHandlerName",
            "'../app.handler' is not a valid handler name",
        ),
        ("throw new RangeError('at start')", "app.handler", "RangeError", "at start"),
    ],
)
def test_a_node_module_that_cannot_be_had(
    tmp_path: Any, source: str, handler: str, error_type: str, message: str
) -> None:
    """AWS's error types and words; the environment stays, and each event has an initialisation of its own."""

    async def story(world: World) -> None:
        result = await world.invoke(node(world, source, handler))
        error = told(result)
        assert error["errorType"] == error_type and error["errorMessage"].startswith(message)
        assert result.error == "Unhandled" and result.usable

    play(tmp_path, story)


def test_loose_errors_of_node_end_the_process(tmp_path: Any) -> None:
    """An unhandled rejection and an uncaught exception: the caller gets them, and then a new process."""
    source = """
exports.handler = (event) => new Promise(() => {
  if (event === "reject") Promise.reject(new Error("loose"));
  else setTimeout(() => { throw new Error("thrown late"); }, 1);
});
"""

    async def story(world: World) -> None:
        unit = node(world, source)
        for event, error_type, message in (
            ("reject", "Runtime.UnhandledPromiseRejection", "Error: loose"),
            ("throw", "Error", "thrown late"),
        ):
            error = told(await world.invoke(unit, event))
            assert (error["errorType"], error["errorMessage"]) == (error_type, message)

    play(tmp_path, story)


def test_a_promise_that_is_never_settled(tmp_path: Any) -> None:
    """An async handler whose event loop runs empty failed, at once and not at its timeout."""

    async def story(world: World) -> None:
        unit = node(world, "exports.handler = async () => { await new Promise(() => {}); }", timeout_s=600)
        assert told(await world.invoke(unit))["errorType"] == "Runtime.NodeJsExit"

    play(tmp_path, story)


def test_callbacks_ended_with_node_24(tmp_path: Any) -> None:
    """A handler with three parameters is refused when the function asks for nodejs24.x."""

    async def story(world: World) -> None:
        environment = (("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs24.x"),)
        unit = node(world, "exports.handler = (e, c, done) => done()", environment=environment)
        assert told(await world.invoke(unit))["errorType"] == "Runtime.CallbackHandlerDeprecated"

    play(tmp_path, story)


def test_the_console_of_node(tmp_path: Any) -> None:
    """Time, request id, level, message, parted by tabs; several lines stay one event."""
    source = """
console.log("at start");
exports.handler = async () => {
  console.warn("two\\nlines %d", 7);
  process.stdout.write("bare\\n");
};
"""

    async def story(world: World) -> None:
        result = await world.invoke(node(world, source), request_id="r1")
        said = [line.split("\t") for line in world.log.lines if "\t" in line]
        assert ["undefined", "INFO", "at start"] in [fields[1:] for fields in said]
        assert ["r1", "WARN", "two\rlines 7"] in [fields[1:] for fields in said]
        assert "bare" in logged(result).splitlines()
        assert world.log.lines[0].startswith("INIT_START Runtime Version: nodejs:")

    play(tmp_path, story)


STREAMS = """
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const answers = {
  async text(stream) { stream.write("one "); stream.end("two"); },
  async piped(stream) { await pipeline(Readable.from(["a", "b", "c".repeat(100000)]), stream); },
  async http(stream) {
    const body = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } });
    body.end("body");
  },
  async early() { throw new Error("before the first byte"); },
  async open(stream) { stream.write("and then"); },
};
exports.handler = awslambda.streamifyResponse(async (event, stream) => answers[event](stream));
"""


def test_streamed_responses_of_node(tmp_path: Any) -> None:
    """Written, piped, with an HTTP prelude, failed before the first byte, never ended."""

    async def story(world: World) -> None:
        unit = node(world, STREAMS)
        assert (await world.invoke(unit, "text")).payload == b"one two"
        assert (await world.invoke(unit, "piped")).payload == b"ab" + b"c" * 100_000
        prelude, _, body = (await world.invoke(unit, "http")).payload.partition(bytes(8))
        assert (json.loads(prelude), body) == ({"statusCode": 201, "headers": {"a": "b"}}, b"body")
        early = await world.invoke(unit, "early")
        assert told(early)["errorMessage"] == "before the first byte" and early.usable
        assert (await world.invoke(unit, "open")).payload.startswith(b"and then")
        assert (await world.invoke(unit, "text")).payload == b"one two"

    play(tmp_path, story)


def test_node_finds_layers(tmp_path: Any) -> None:
    """require() of a module that only a layer has; the later layer counts."""
    one = {
        "nodejs/node_modules/part/index.js": "module.exports = 1",
        "nodejs/node_modules/x.js": "module.exports = 1",
    }
    two = {"nodejs/node_modules/part/index.js": "module.exports = 2"}

    async def story(world: World) -> None:
        source = "exports.handler = async () => [require('part'), require('x')]"
        assert told(await world.invoke(node(world, source, layers=(one, two)))) == [2, 1]

    play(tmp_path, story)


def test_python_finds_layers(tmp_path: Any) -> None:
    """From /opt/python and its site-packages; a layer's boto3 comes before ours; bin is on the PATH."""
    layer = {
        "python/part.py": "x = 1",
        "python/lib/python3.11/site-packages/part2.py": "x = 2",
        "python/boto3.py": "mine = True",
        "bin/tool": "#!/bin/sh\necho from the layer\n",
    }
    source = """
import part, part2, boto3, subprocess
def handler(e, c): return [part.x, part2.x, boto3.mine, subprocess.check_output("tool").decode()]
"""

    async def story(world: World) -> None:
        unit = world.start(source, layers=(layer,))
        assert told(await world.invoke(unit)) == [1, 2, True, "from the layer\n"]

    play(tmp_path, story)


BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
print("starting", os.environ["_HANDLER"], os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(), flush=True)
while True:
    with urllib.request.urlopen(api + "next") as event:
        answer = {"event": json.load(event), "cwd": os.getcwd() == os.environ["PWD"]}
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(api + request_id + "/response", json.dumps(answer).encode()).close()
"""


@pytest.mark.parametrize("place", ["package", "layer"])
def test_a_custom_runtime(tmp_path: Any, place: str) -> None:
    """`bootstrap` of the package, or of a layer, speaks the Runtime API, event after event."""

    async def story(world: World) -> None:
        mine, layers = {"bootstrap": BOOTSTRAP}, [{"bootstrap": BOOTSTRAP}]
        unit = world.start(
            mine if place == "package" else {"x": ""},
            runtime="provided.al2023",
            handler="my.own",
            timeout_s=30,
            init_timeout_s=60,
            layers=() if place == "package" else layers,
        )
        assert told(await world.invoke(unit, {"n": 1})) == {"event": {"n": 1}, "cwd": True}
        assert told(await world.invoke(unit, {"n": 2})) == {"event": {"n": 2}, "cwd": True}
        assert "starting my.own True" in world.log.lines
        assert world.log.lines[0].startswith("INIT_START Runtime Version: provided:al2023\t")

    play(tmp_path, story)


def test_a_runtime_that_ends_after_each_event(tmp_path: Any) -> None:
    """Its callers have their answers; each event finds a fresh process, initialised in its own time."""

    async def story(world: World) -> None:
        once = BOOTSTRAP.replace("while True:", "for _ in range(1):") + "os._exit(3)\n"
        unit = world.start({"bootstrap": once}, runtime="provided.al2023", timeout_s=20)
        for number in range(4):
            result = await world.invoke(unit, number)
            assert told(result)["event"] == number and (result.init_ns > 0) == (number == 0)
        assert sum(line.startswith("starting ") for line in world.log.lines) >= 4

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"x": ""}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "echo"}, "fork/exec /var/task/bootstrap: permission denied"),
        ({"bootstrap": "#!/no/such/shell\n"}, "fork/exec /var/task/bootstrap: no such file or directory"),
    ],
)
def test_a_custom_runtime_that_cannot_start(tmp_path: Any, files: Mapping[str, str], message: str) -> None:
    """Runtime.InvalidEntrypoint in AWS's words, for the caller and in the log."""

    async def story(world: World) -> None:
        unit = world.start(files, runtime="provided.al2")
        result = await world.invoke(unit, request_id="r1")
        assert told(result) == {
            "errorType": "Runtime.InvalidEntrypoint",
            "errorMessage": f"RequestId: r1 Error: {message}",
        }
        assert result.error == "Unhandled" and result.usable
        assert "Status: error\tError Type: Runtime.InvalidEntrypoint" in logged(result)

    play(tmp_path, story)


def test_a_wrapper_of_a_layer(tmp_path: Any) -> None:
    """AWS_LAMBDA_EXEC_WRAPPER starts the runtime; one that is not there exits with 127, as on AWS."""
    wrapper = {"wrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'}
    source = "import os\ndef handler(e, c): return os.environ['WRAPPED']"

    async def story(world: World) -> None:
        environment = (("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap"),)
        unit = world.start(source, environment=environment, layers=(wrapper,))
        assert told(await world.invoke(unit)) == "yes"
        missing = world.start(source, environment=environment, layers=({"x": ""},))
        assert told(await world.invoke(missing))["errorMessage"].endswith("exit status 127")

    play(tmp_path, story)


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs18.x"])
def test_logs_in_json(tmp_path: Any, runtime: str) -> None:
    """Platform events and what the function logs are JSON objects, filtered by level; prints are kept."""
    python = """
import logging
logging.getLogger().info("loading")
def handler(e, c):
    logging.debug("too low")
    logging.warning("hello %s", "you", extra={"more": 1})
    print("plain")
    raise KeyError("gone")
"""
    nodejs = """
console.info("loading");
exports.handler = async (event) => {
  console.debug("too low");
  console.warn("hello %s", "you");
  process.stdout.write("plain\\n");
  throw new RangeError("gone");
};
"""
    files = {"app.py": python} if runtime.startswith("python") else {"app.js": nodejs}

    async def story(world: World) -> None:
        levels = (("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "INFO"))
        unit = world.start(files, runtime=runtime, environment=levels, timeout_s=20)
        result = await world.invoke(unit, request_id="r1")
        lines = [json.loads(line) for line in world.log.lines if line != "plain"]
        assert len(lines) == len(world.log.lines) - 1
        kinds = [line["type"] for line in lines if "type" in line]
        assert kinds == ["platform.initStart", "platform.start", "platform.report"]
        loading, hello, *_, failed = [line for line in lines if "level" in line]
        assert (loading["level"], loading["message"]) == ("INFO", "loading")
        assert (hello["level"], hello["message"], hello["requestId"]) == (
            "WARNING" if runtime.startswith("python") else "WARN", "hello you", "r1",
        )  # fmt: skip
        assert hello.get("more") == (1 if runtime.startswith("python") else None)
        assert (failed["level"], failed["errorType"]) == ("ERROR", told(result)["errorType"])
        assert not any("too low" in line for line in world.log.lines)

    play(tmp_path, story)

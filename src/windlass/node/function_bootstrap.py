"""The Python runtime inside a Lambda environment: loads the handler, then event by event calls it.

Runs in the function's own process, with the user's code, under the interpreter of the function's runtime
(3.8 and later, so no newer syntax). Every import here is paid by every cold start: `_socket` instead of
`socket`, `json` because events need it, all else only when something went wrong or the user's code asks for
it. Must not import anything of Windlass. Behaviour and wording follow AWS's own
aws-lambda-python-runtime-interface-client.
Known gaps: no X-Ray, a log message of several lines becomes several log events.
"""

from __future__ import annotations

import _socket
import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    Handler = Callable[[Any, "LambdaContext"], Any]
    Headers = dict[str, str]

_NEXT = "/runtime/invocation/next"
_HOOKS = "snapshot_restore_py"
_CONTEXT_FIELDS = ("custom", "env", "client")


class Lost(Exception):
    """The agent is gone: nothing is left to do."""


class RuntimeClient:
    """The Runtime API over one kept connection; just as much HTTP as that API needs."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = address
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.connect((host, int(port)))
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._ahead = b""
        """Received of the answer after the one that was read last."""

    def next(self) -> tuple[Headers, bytes]:
        """Wait for an event: (headers with lower-case names, body)."""
        self._send(self._request("GET", _NEXT, b""))
        return self._read()

    def respond(self, request_id: str, body: bytes) -> tuple[Headers, bytes]:
        """Hand in the result and wait for the next event."""
        return self._tell("/runtime/invocation/" + request_id + "/response", body)

    def fail(self, request_id: str, body: bytes, error_type: str) -> tuple[Headers, bytes]:
        """The same with an error."""
        return self._tell("/runtime/invocation/" + request_id + "/error", body, error_type)

    def fail_init(self, body: bytes, error_type: str) -> None:
        self._send(self._request("POST", "/runtime/init/error", body, error_type))
        self._read()

    def fail_restore(self, body: bytes, error_type: str) -> None:
        self._send(self._request("POST", "/runtime/restore/error", body, error_type))
        self._read()

    def offer_snapshot(self) -> None:
        """Say that a snapshot may be taken. It is answered in what is restored from it."""
        self._send(self._request("GET", "/runtime/restore/next", b""))

    def restored(self) -> None:
        """Wait for that answer: it comes at once where the process itself goes on."""
        self._read()

    def close(self) -> None:
        self._socket.close()

    def _tell(self, path: str, body: bytes, error_type: str = "") -> tuple[Headers, bytes]:
        """The next event is asked for in the same breath: one trip for both."""
        self._send(self._request("POST", path, body, error_type) + self._request("GET", _NEXT, b""))
        self._read()
        return self._read()

    def _request(self, method: str, path: str, body: bytes, error_type: str = "") -> bytes:
        head = f"{method} /2018-06-01{path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: " + error_type + "\r\n"
        return (head + "\r\n").encode("latin-1", "replace") + body

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Lost from error

    def _read(self) -> tuple[Headers, bytes]:
        """The answer to the oldest request that has none yet: its headers and body."""
        data = self._ahead
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode("utf-8").split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = int(headers["content-length"])
        self._ahead = body[length:]
        if len(body) >= length:
            return headers, body[:length]
        parts = [body]
        missing = length - len(body)
        while missing > 0:
            parts.append(self._receive(missing))
            missing -= len(parts[-1])
        return headers, b"".join(parts)

    def _receive(self, most: int = 65536) -> bytes:
        try:
            data = self._socket.recv(min(most, 65536))  # more would be mapped and unmapped each time
        except OSError as error:
            raise Lost from error
        if not data:
            raise Lost
        return data


class Identity:
    """`context.identity`: set only for calls of the mobile SDKs with Cognito, so always empty here."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self) -> None:
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class Client:
    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")

    def __init__(self, given: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, given.get(name))


class ClientContext:
    """`context.client_context`: what the caller put into X-Amz-Client-Context."""

    __slots__ = _CONTEXT_FIELDS

    def __init__(self, given: dict[str, Any]) -> None:
        self.custom = given.get("custom")
        self.env = given.get("env")
        self.client = Client(given["client"]) if given.get("client") else None


class LambdaContext:
    """The second argument of a handler; attributes as AWS documents them for Python."""

    def __init__(self, headers: Headers) -> None:
        environ = os.environ
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.tenant_id = None
        given = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(given)) if given else None
        self.identity = Identity()
        self._epoch_deadline_time_in_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={value}" for name, value in sorted(vars(self).items()))
        return f"LambdaContext([{fields}])"


class InitFault(Exception):
    """The handler cannot be had: AWS's error type, message and trace."""

    def __init__(self, error_type: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = list(trace)


def load_handler(name: str) -> Handler:
    """The function that `name` ("module.function", "folder/module.function") says."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        why = "not enough values to unpack (expected 2, got 1)"
        raise InitFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {why}")
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise InitFault("Runtime.BuiltInModuleConflict", message)
    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise InitFault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise InitFault("Runtime.UserCodeSyntaxError", message, trace) from error
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitFault("Runtime.HandlerNotFound", message) from None
    return handler


def import_module(name: str) -> Any:
    """As importlib's, without importing that."""
    __import__(name)
    return sys.modules[name]


class LoggingOnImport:
    """Sets the root logger up as AWS does, but only once somebody imports `logging`: it is a slow import.

    A finder that steps aside at the first `import logging` and puts itself around the real loader.
    """

    def __init__(self, request: dict[str, str]) -> None:
        self._request = request
        self._loader: Any = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._loader, spec.loader = spec.loader, self  # type: ignore[assignment]
                return spec
        return None

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        set_up_logging(module, self._request)


class HooksModule:
    """Finds the module of SnapStart's runtime hooks for functions that do not bring it, as on AWS."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _HOOKS:
            return None
        from importlib.util import spec_from_file_location

        return spec_from_file_location(name, os.environ["LAMBDA_RUNTIME_DIR"] + "/function_hooks.py")


def set_up_logging(logging: Any, request: dict[str, str]) -> None:
    """AWS's format on the root logger; `request` holds the request id of the event at hand."""

    def add_request_id(record: Any) -> bool:
        record.aws_request_id = request["id"]
        return True

    as_json = in_json()
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    if as_json:
        formatter.format = lambda record: json_line(logging, formatter, record)
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
        logging.root.setLevel({"TRACE": "DEBUG"}.get(level, level or "INFO"))
    handler.setFormatter(formatter)
    handler.addFilter(add_request_id)
    logging.root.addHandler(handler)


def in_json() -> bool:
    """Whether the function's LoggingConfig asks for JSON."""
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def json_line(logging: Any, formatter: Any, record: Any) -> str:
    """A log record as AWS's runtime writes it: what it always has, an error if there is one, extra fields."""
    known = vars(logging.makeLogRecord({}))
    error = record.exc_info
    fields = {
        "timestamp": formatter.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
        "level": record.levelname,
        "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
        "logger": record.name,
        "requestId": record.aws_request_id,
    }
    if error and error[0] is not None:
        fields["stackTrace"] = stack_trace(error[1])
        fields["errorType"] = error[0].__name__
        fields["errorMessage"] = str(error[1])
        fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
    for name, value in vars(record).items():
        if name not in known and name != "aws_request_id":
            fields.setdefault(name, value)
    return json.dumps(fields, ensure_ascii=False, default=str)


def encode_other(value: Any) -> object:
    """JSON for what `json` does not know: Decimal as a number, as AWS's encoder does."""
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def error_body(message: str, error_type: str, trace: list[str], request_id: str) -> bytes:
    fields = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")


def log_error(message: str, error_type: str, trace: list[str], request_id: str = "") -> None:
    """The unhandled error as AWS's runtime prints it; no-break spaces keep the indent in consoles."""
    if in_json():
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        error = json.loads(error_body(message, error_type, trace, request_id))
        sys.stdout.write(json.dumps({"timestamp": now, "level": "ERROR", **error}, ensure_ascii=False) + "\n")
        return
    lines = [f"[ERROR] {error_type}: {message}" if message else f"[ERROR] {error_type}"]
    if trace:
        lines.append("Traceback (most recent call last):")
        for entry in trace:
            for line in entry.rstrip("\n").split("\n"):
                bare = line.lstrip(" ")
                lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    sys.stdout.write("\n".join(lines) + "\n")


def stack_trace(error: BaseException) -> list[str]:
    """The frames of the user's code, outermost first: file, line and text, without the marks of Python 3.11

    under the text, as AWS's runtime (awslambdaric) formats them.
    """
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    mine = [i for i, frame in enumerate(frames) if frame.filename == __file__]
    start = mine[-1] + 1 if mine else 0
    while start < len(frames) and "importlib" in frames[start].filename:
        start += 1
    bare = [traceback.FrameSummary(f.filename, f.lineno, f.name, line=f.line) for f in frames[start:]]
    return traceback.format_list(bare)


def handle(handler: Handler, headers: Headers, body: bytes, request: dict[str, str]) -> tuple[bytes, str]:
    """Call the handler once: (result bytes, "") or (error bytes, error type)."""
    request_id = request["id"]
    try:
        try:
            event = json.loads(body)
        except ValueError as error:
            raise InitFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
        result = handler(event, LambdaContext(headers))
        try:
            return json.dumps(result, ensure_ascii=False, default=encode_other).encode("utf-8"), ""
        except (TypeError, ValueError, RecursionError) as error:
            message = f"Unable to marshal response: {error}"
            raise InitFault("Runtime.MarshalError", message) from error
    except InitFault as fault:
        log_error(fault.message, fault.error_type, fault.trace, request_id)
        return error_body(fault.message, fault.error_type, fault.trace, request_id), fault.error_type
    except Exception as error:
        name, trace = type(error).__name__, stack_trace(error)
        log_error(str(error), name, trace, request_id)
        return error_body(str(error), name, trace, request_id), name


def go_through_snapshot(client: RuntimeClient, hold: Callable[[], None] | None) -> RuntimeClient:
    """Run the hooks around a snapshot; returns the client of the environment that goes on after it.

    `hold` returns in each environment that is restored, with other variables; without it, this one goes on.
    """
    hooks: Any = sys.modules.get(_HOOKS)
    try:
        for function, positional, named in reversed(hooks.get_before_snapshot() if hooks else []):
            function(*positional, **named)
    except Exception as error:
        report(error, "Runtime.BeforeSnapshotError", client.fail_init)
        sys.exit(64)
    client.offer_snapshot()
    if hold is None:
        client.restored()
    else:
        client.close()
        hold()
        client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        for function, positional, named in hooks.get_after_restore() if hooks else []:
            function(*positional, **named)
    except Exception as error:
        report(error, "Runtime.AfterRestoreError", client.fail_restore)
        sys.exit(65)
    return client


def report(error: Exception, error_type: str, tell: Callable[[bytes, str], None]) -> None:
    """Log an error of the user's code outside the handler, and hand it in."""
    message, trace = str(error), stack_trace(error)
    log_error(message, type(error).__name__, trace)
    sys.stdout.flush()
    tell(error_body(message, type(error).__name__, trace, ""), error_type)


def initialise(client: RuntimeClient, name: str) -> Handler:
    """Load the handler, or report why not and end with status 1, as AWS's runtime does."""
    try:
        return load_handler(name)
    except InitFault as fault:
        message, error_type, trace = fault.message, fault.error_type, fault.trace
    except Exception as error:
        message, error_type, trace = str(error), type(error).__name__, stack_trace(error)
    log_error(message, error_type, trace)
    sys.stdout.flush()
    client.fail_init(error_body(message, error_type, trace, ""), error_type)
    sys.exit(1)


def serve(client: RuntimeClient, handler: Handler, request: dict[str, str]) -> NoReturn:
    """Event after event, until the agent is gone."""
    process = os.getpid()
    headers, body = client.next()
    while True:
        request["id"] = request_id = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        result, error_type = handle(handler, headers, body, request)
        if os.getpid() != process:  # the handler forked and this is the child: the line is the parent's
            os._exit(0)
        sys.stdout.flush()
        sys.stderr.flush()
        if error_type:
            headers, body = client.fail(request_id, result, error_type)
        else:
            headers, body = client.respond(request_id, result)


def write_by_line(stream: Any) -> None:
    """Hand each line on at once: what a killed function printed must be in its log."""
    stream.reconfigure(line_buffering=True, errors="backslashreplace")


def main(libraries: list[str], hold: Callable[[], None] | None = None) -> None:
    """Run the runtime. `libraries` are directories with packages for every function, such as boto3.

    `hold` makes a template of this process once it is initialised; see function_template.py.
    """
    write_by_line(sys.stdout)
    write_by_line(sys.stderr)
    sys.argv[1:] = []
    asked = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # an interpreter that was there before has not
    sys.path[:0] = [path for path in asked if path and path not in sys.path]
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    sys.path += [path for path in libraries if path not in sys.path]
    sys.meta_path.append(HooksModule())  # after all that the function has
    request = {"id": ""}
    if "logging" in sys.modules:  # a fork server has it
        set_up_logging(sys.modules["logging"], request)
    else:
        sys.meta_path.insert(0, LoggingOnImport(request))
    try:
        client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
        handler = initialise(client, os.environ["_HANDLER"])
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            client = go_through_snapshot(client, hold)
        serve(client, handler, request)
    except Lost:
        os._exit(0)

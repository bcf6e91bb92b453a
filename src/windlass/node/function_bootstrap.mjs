// The Node.js runtime inside a Lambda environment: loads the handler, then event by event calls it.
//
// Runs in the function's own process, with the user's code, under whatever Node.js (18 or later) the agent found.
// Behaviour and wording follow AWS's own aws-lambda-nodejs-runtime-interface-client. The Runtime API is spoken over one
// plain socket that is unreferenced while the handler runs, so that "the event loop is empty" means the user's loop.
// Must not know anything of Windlass. Known gaps: no AWS SDK comes with it, no X-Ray, no
// context.done/succeed/fail.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { basename, dirname, join, resolve } from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response";
const NODEJS_MAJOR_WITHOUT_CALLBACKS = 24;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const JSON_FORMAT = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const LOWEST = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL || "INFO");
const EXIT_UNHANDLED_REJECTION = 128;
const EXIT_UNCAUGHT_EXCEPTION = 129;

/** An error that the runtime itself finds; its name is the errorType that callers see. */
class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

/** The Runtime API over one kept connection: one request at a time, just as much HTTP as that API needs. */
class RuntimeClient {
  #socket;
  #host;
  #received = Buffer.alloc(0);
  #waiting = null;
  #streaming = false;

  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.#host = address;
    this.#socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true });
    this.#socket.on("data", (data) => this.#take(data));
    this.#socket.on("close", () => process.exit(0)); // the agent is gone: nothing is left to do
    this.#socket.on("error", () => {}); // "close" follows
  }

  /** Wait for an event: {headers (names in lower case), body}. */
  next() {
    return this.#call("GET", "/runtime/invocation/next", "");
  }

  respond(id, body) {
    return this.#call("POST", `/runtime/invocation/${id}/response`, body);
  }

  /** Report a failed event; in the middle of a streamed response that ends with the error. */
  fail(id, error) {
    if (this.#streaming) return this.finish(error);
    return this.#call("POST", `/runtime/invocation/${id}/error`, errorBody(error), errorType(error));
  }

  failInit(error) {
    return this.#call("POST", "/runtime/init/error", errorBody(error), errorType(error));
  }

  /** Whether an answer is awaited: nothing else can be said now. */
  get busy() {
    return this.#waiting !== null;
  }

  /** Begin a streamed response; `write` and `finish` follow. */
  begin(id, contentType) {
    this.#streaming = true;
    this.#socket.ref();
    this.#socket.write(
      `POST /2018-06-01/runtime/invocation/${id}/response HTTP/1.1\r\nHost: ${this.#host}\r\n` +
        `Content-Type: ${oneLine(contentType)}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n` +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n",
    );
  }

  write(chunk, done) {
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`);
    this.#socket.write(chunk);
    this.#socket.write("\r\n", done);
    this.#socket.uncork();
  }

  /** End the streamed response, in mid-stream with an error if there is one. */
  finish(error) {
    this.#streaming = false;
    const body = error && Buffer.from(errorBody(error)).toString("base64");
    const trailers = error
      ? `Lambda-Runtime-Function-Error-Type: ${errorType(error)}\r\nLambda-Runtime-Function-Error-Body: ${body}\r\n`
      : "";
    this.#socket.write(`0\r\n${trailers}\r\n`);
    return this.#answer();
  }

  #call(method, path, body, type) {
    const data = Buffer.from(body);
    const head =
      `${method} /2018-06-01${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\n` +
      (type ? `Lambda-Runtime-Function-Error-Type: ${type}\r\n` : "") +
      `Content-Length: ${data.length}\r\n\r\n`;
    this.#socket.ref();
    this.#socket.write(Buffer.concat([Buffer.from(head), data]));
    return this.#answer();
  }

  #answer() {
    return new Promise((settle) => {
      this.#waiting = settle;
    });
  }

  #take(data) {
    this.#received = this.#received.length ? Buffer.concat([this.#received, data]) : data;
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const lines = this.#received.subarray(0, end).toString().split("\r\n");
    const headers = Object.fromEntries(lines.slice(1).map(headerOf));
    const total = end + 4 + Number(headers["content-length"] ?? 0);
    if (this.#received.length < total) return;
    const body = this.#received.subarray(end + 4, total).toString();
    this.#received = this.#received.subarray(total);
    this.#socket.unref();
    const settle = this.#waiting;
    this.#waiting = null;
    settle?.({ headers, body });
  }
}

function headerOf(line) {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function oneLine(text) {
  return String(text).replace(/[^\t\x20-\x7e]/g, " ");
}

function errorType(error) {
  return oneLine(error instanceof Error ? error.name : typeof error);
}

/** What the caller gets: {errorType, errorMessage, trace}. Anything can be thrown, not only Errors. */
function errorFields(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split("\n") };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function errorBody(error) {
  return JSON.stringify(errorFields(error));
}

/** An error as AWS's runtime prints it: what failed, a tab, the error as JSON. */
function logError(what, error) {
  if (JSON_FORMAT) return void console.error(what, error);
  const { trace, ...fields } = errorFields(error);
  const own = error instanceof Error ? { ...error, name: undefined } : {};
  console.error(what, `\t${JSON.stringify({ ...fields, ...own, stack: trace })}`);
}

/** A call of a console method as AWS's runtime writes it in JSON; of an error that is its only value the fields. */
function jsonLine(level, requestId, values) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  const [first] = values;
  line.message = values.length === 1 && typeof first === "object" && !(first instanceof Error) ? first : format(...values);
  const error = values.find((value) => value instanceof Error);
  if (error) {
    const { errorType, errorMessage, trace } = errorFields(error);
    Object.assign(line, { errorType, errorMessage, stackTrace: trace });
  }
  try {
    return JSON.stringify(line);
  } catch {
    return JSON.stringify({ ...line, message: format(...values) }); // what refers to itself
  }
}

/** Make each console method write `time TAB request id TAB level TAB message`, one log event a call. */
function writeConsoleLines(current) {
  const levels = { trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR" };
  for (const [method, level] of Object.entries({ ...levels, fatal: "FATAL" })) {
    console[method] = (...values) => {
      if (JSON_FORMAT) {
        if (LEVELS.indexOf(level) >= LOWEST) process.stdout.write(`${jsonLine(level, current.id, values)}\n`);
        return;
      }
      const message = format(...values).replace(/\n/g, "\r");
      process.stdout.write(`${new Date().toISOString()}\t${current.id}\t${level}\t${message}\n`);
    };
  }
}

/** Where the handler's module may be, in AWS's order: [suffix, how it is loaded]. */
function candidates(isModule) {
  const found = [["", "require"]];
  if (!isModule) found.push([".js", "require"]);
  if (isModule) found.push([".js", "import"]);
  found.push([".mjs", "import"], [".cjs", "require"]);
  if (process.features.typescript) {
    found.push([".ts", isModule ? "import" : "require"], [".mts", "import"], [".cts", "require"]);
  }
  return found;
}

/** Whether the nearest package.json above the folder says "type": "module". */
function isModuleFolder(folder) {
  if (basename(folder) === "node_modules") return false;
  const description = join(folder, "package.json");
  if (existsSync(description)) {
    try {
      return JSON.parse(readFileSync(description, "utf8")).type === "module";
    } catch (error) {
      console.warn(`${description} cannot be read, it is ignored`, error);
      return false;
    }
  }
  const parent = dirname(folder);
  return parent === folder ? false : isModuleFolder(parent);
}

async function loadModule(root, path) {
  const stem = resolve(root, path);
  const require = createRequire(join(root, "index.js"));
  for (const [suffix, how] of candidates(isModuleFolder(dirname(stem)))) {
    if (!existsSync(stem + suffix)) continue;
    return how === "require" ? require(stem + suffix) : await import(pathToFileURL(stem + suffix).href);
  }
  return require(path.includes("/") ? stem : path);
}

/** The function that `name` ("module.function", "folder/module.object.function") says. */
async function loadHandler(root, name) {
  if (name.includes("..")) {
    const hint = "Use absolute paths when specifying root directories in handler names.";
    throw new RuntimeError("MalformedHandlerName", `'${name}' is not a valid handler name. ${hint}`);
  }
  const last = basename(name);
  const dot = last.indexOf(".");
  if (dot < 0) throw new RuntimeError("MalformedHandlerName", "Bad handler");
  const folder = name.slice(0, name.length - last.length);
  let module;
  try {
    module = await loadModule(root, folder + last.slice(0, dot));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("UserCodeSyntaxError", String(error.stack));
    if (error?.code === "MODULE_NOT_FOUND") throw new RuntimeError("ImportModuleError", String(error));
    throw error;
  }
  const handler = last
    .slice(dot + 1)
    .split(".")
    .reduce((inner, key) => inner?.[key], module);
  if (!handler) throw new RuntimeError("HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new RuntimeError("HandlerNotFound", `${name} is not a function`);
  return handler;
}

/** The second argument of a handler; members as AWS documents them for Node.js. */
function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed("lambda-runtime-client-context"),
    identity: parsed("lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

/** Resolves when nothing is left to do in the user's event loop; `called.off()` calls it off. */
function emptyLoop(called = {}) {
  return new Promise((settle) => {
    const listener = () => setImmediate(settle);
    process.once("beforeExit", listener);
    called.off = () => process.off("beforeExit", listener);
  });
}

/** Call a handler that answers by its promise or by callback: {value} or {error}; `waits`: for the empty loop. */
function outcomeOf(handler, event, context) {
  return new Promise((settle) => {
    const byCallback = (error, value) => {
      const outcome = error === undefined || error === null ? { value } : { error };
      settle({ ...outcome, waits: context.callbackWaitsForEmptyEventLoop });
    };
    try {
      const returned = handler(event, context, byCallback);
      if (typeof returned?.then === "function") {
        returned.then(
          (value) => settle({ value, waits: false }),
          (error) => settle({ error, waits: false }),
        );
      }
    } catch (error) {
      settle({ error, waits: context.callbackWaitsForEmptyEventLoop });
    }
  });
}

/** What an event comes to when the loop ran empty before the handler said anything. */
function exitedOutcome(handler) {
  if (handler.constructor.name !== "AsyncFunction") return { value: null, waits: false };
  const hint = "https://nodejs.org/docs/latest/api/process.html#exit-codes";
  const why =
    "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise " +
    `that was never settled. For more information, see ${hint}`;
  return { error: new RuntimeError("NodeJsExit", why), waits: false };
}

async function handle(client, handler, event, context) {
  const id = context.awsRequestId;
  const exit = {};
  const exited = emptyLoop(exit).then(() => exitedOutcome(handler));
  const outcome = await Promise.race([outcomeOf(handler, event, context), exited]);
  exit.off();
  if (outcome.waits && !("error" in outcome)) await emptyLoop();
  if ("error" in outcome) {
    logError("Invoke Error", outcome.error);
    await client.fail(id, outcome.error);
    if (outcome.waits) await emptyLoop();
    return;
  }
  let body;
  try {
    body = JSON.stringify(outcome.value === undefined ? null : outcome.value) ?? "null";
  } catch {
    const error = new Error("Unable to stringify response body");
    logError("Invoke Error", error);
    await client.fail(id, error);
    return;
  }
  await client.respond(id, body);
}

/** The stream that a streaming handler writes its response to. */
class ResponseStream extends Writable {
  #client;
  #id;
  #contentType = "application/octet-stream";
  #prelude = null;
  #begun = false;

  constructor(client, id, highWaterMark) {
    super(highWaterMark ? { highWaterMark } : {});
    this.#client = client;
    this.#id = id;
  }

  setContentType(contentType) {
    this.#contentType = contentType;
  }

  /** Bytes that go ahead of all others: status, headers and cookies of an HTTP response. */
  startWith(prelude) {
    this.#prelude = prelude;
  }

  _write(chunk, encoding, done) {
    this.#begin();
    if (chunk.length) this.#client.write(chunk, done);
    else done();
  }

  _final(done) {
    this.#begin();
    this.#client.finish().then(() => done(), done);
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    this.#client.begin(this.#id, this.#contentType);
    if (this.#prelude) this.#client.write(this.#prelude);
  }

  /** Give up: by an error in place of the response, or at the end of what was sent of it. */
  async fail(error) {
    if (this.writableFinished) return;
    this.on("error", () => {});
    this.destroy();
    await this.#client.fail(this.#id, error);
  }
}

/** `awslambda.HttpResponseStream`: puts {statusCode, headers, cookies} in front of a stream. */
class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(HTTP_INTEGRATION);
    stream.startWith(Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]));
    return stream;
  }
}

async function handleStreaming(client, handler, event, context) {
  const stream = new ResponseStream(client, context.awsRequestId, handler[HIGH_WATER_MARK]);
  try {
    const returned = handler(event, stream, context);
    if (typeof returned?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
    if ((await returned) !== undefined) console.warn("Streaming handlers ignore return values.");
    if (stream.writableEnded && !stream.writableFinished) {
      await new Promise((settle, refuse) => stream.once("finish", settle).once("error", refuse));
    }
    if (!stream.writableFinished) throw new Error("Response stream is not finished.");
  } catch (error) {
    logError("Invoke Error", error);
    await stream.fail(error);
  }
  if (context.callbackWaitsForEmptyEventLoop) await emptyLoop();
}

/** Post what broke to whoever waits for it, and end: the environment is of no more use. */
function endOnLooseErrors(client, current) {
  const end = async (what, error, code) => {
    logError(what, error);
    if (!client.busy) await (current.id === undefined ? client.failInit(error) : client.fail(current.id, error));
    process.exit(code);
  };
  process.on("uncaughtException", (error) => end("Uncaught Exception", error, EXIT_UNCAUGHT_EXCEPTION));
  process.on("unhandledRejection", (reason, promise) => {
    const error = Object.assign(new RuntimeError("UnhandledPromiseRejection", String(reason)), { reason, promise });
    return end("Unhandled Promise Rejection", error, EXIT_UNHANDLED_REJECTION);
  });
}

function refuseCallbacks(handler) {
  const asked = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? "")?.[1] ?? 0);
  if (asked < NODEJS_MAJOR_WITHOUT_CALLBACKS || handler[STREAMING] || handler.length < 3) return;
  throw new RuntimeError(
    "CallbackHandlerDeprecated",
    "AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify " +
      "this function to use a supported handler signature to use Node.js 24 or later.",
  );
}

async function main() {
  const current = { id: undefined };
  writeConsoleLines(current);
  const client = new RuntimeClient(process.env.AWS_LAMBDA_RUNTIME_API);
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = "response";
      if (typeof options?.highWaterMark === "number") handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    HttpResponseStream,
  };
  endOnLooseErrors(client, current);
  const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  refuseCallbacks(handler);
  for (;;) {
    const { headers, body } = await client.next();
    current.id = headers["lambda-runtime-aws-request-id"];
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
    const context = contextOf(headers);
    try {
      const event = JSON.parse(body);
      await (handler[STREAMING] ? handleStreaming : handle)(client, handler, event, context);
    } catch (error) {
      logError("Invoke Error", error);
      await client.fail(current.id, error);
    }
  }
}

// A rejection here (a handler that cannot be loaded) is an uncaught exception of the initialisation.
main().catch((error) => process.emit("uncaughtException", error));

"""Function URLs: made, changed, read and taken away. One for a function and one for each of its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.faults import Fault
from windlass.services.lambda_ import describe
from windlass.services.lambda_.find import alias_of, reference
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.model import FUNCTIONS, LATEST, Function
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.urls.model import FUNCTION_URLS, URL_ID_CHARS, Cors, FunctionUrl, address


def create_function_url_config(call: Call, params: Params) -> Result:
    """CreateFunctionUrlConfig. The URL never changes."""
    with call.store.transact() as tx:
        function, qualifier = _addressed(call, params)
        if tx[FUNCTION_URLS].get((function.uid, qualifier)) is not None:
            raise Fault(
                "ResourceConflictException",
                "Failed to create function url config for "
                f"[functionArn = {function.qualified_arn(qualifier)}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function",
            )
        fresh = FunctionUrl(
            account=function.account,
            region=function.region,
            function=function.name,
            uid=function.uid,
            qualifier=qualifier,
            url_id=call.ids.hex(URL_ID_CHARS),
            auth_type=params["AuthType"],
            created_at=call.now,
            last_modified=call.now,
        )
        url = tx[FUNCTION_URLS].put(_changed(fresh, params))
    shown = _describe(call, url)
    del shown["LastModifiedTime"]
    if "InvokeMode" not in params:  # as AWS answers; Get says BUFFERED
        del shown["InvokeMode"]
    return shown


def update_function_url_config(call: Call, params: Params) -> Result:
    """UpdateFunctionUrlConfig: what the request leaves out stays; Cors is replaced as a whole."""
    with call.store.transact() as tx:
        url = tx[FUNCTION_URLS].put(replace(_changed(_url(call, params), params), last_modified=call.now))
    return _describe(call, url)


def get_function_url_config(call: Call, params: Params) -> Result:
    return _describe(call, _url(call, params))


def delete_function_url_config(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        tx[FUNCTION_URLS].delete(_url(call, params).key)
    return {}


def list_function_url_configs(call: Call, params: Params) -> Result:
    """ListFunctionUrlConfigs: the function's own first, then by alias."""
    function, _ = _addressed(call, params)
    rows, marker = page(
        call.store[FUNCTION_URLS],
        "function",
        function.uid,
        operation="ListFunctionUrlConfigs",
        filters=[function.uid],
        token=params.get("Marker"),
        limit=params.get("MaxItems", LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    return describe.page("FunctionUrlConfigs", [_describe(call, row) for row in rows], marker)


def _addressed(call: Call, params: Params) -> tuple[Function, str]:
    """The function and the alias ("" for none) that the request names."""
    named, gone = reference(call, params), Fault("ResourceNotFoundException", "Function does not exist")
    function = call.store[FUNCTIONS].require(named.key, lambda: gone)
    qualifier = "" if named.qualifier == LATEST else named.qualifier
    if qualifier.isdecimal():
        raise invalid("Function URLs are of functions and aliases, not of versions.")
    if qualifier and alias_of(call.store, function, qualifier) is None:
        raise gone
    return function, qualifier


def _url(call: Call, params: Params) -> FunctionUrl:
    function, qualifier = _addressed(call, params)
    return call.store[FUNCTION_URLS].require(
        (function.uid, qualifier),
        lambda: Fault("ResourceNotFoundException", "The resource you requested does not exist."),
    )


def _changed(url: FunctionUrl, params: Params) -> FunctionUrl:
    return replace(
        url,
        auth_type=params.get("AuthType", url.auth_type),
        invoke_mode=params.get("InvokeMode", url.invoke_mode),
        cors=_cors(params["Cors"]) if "Cors" in params else url.cors,
    )


def _cors(given: Mapping[str, Any]) -> Cors | None:
    """An empty structure takes the configuration away."""
    if not given:
        return None
    return Cors(
        allow_credentials=bool(given.get("AllowCredentials")),
        allow_headers=tuple(given.get("AllowHeaders") or ()),
        allow_methods=tuple(given.get("AllowMethods") or ()),
        allow_origins=tuple(given.get("AllowOrigins") or ()),
        expose_headers=tuple(given.get("ExposeHeaders") or ()),
        max_age_s=given.get("MaxAge"),
    )


def _describe(call: Call, url: FunctionUrl) -> Result:
    function = call.store[FUNCTIONS].require((url.account, url.region, url.function))
    shown: Result = {
        "FunctionUrl": address(url.url_id, url.region, call.endpoint),
        "FunctionArn": function.qualified_arn(url.qualifier),
        "AuthType": url.auth_type,
        "CreationTime": _time(url.created_at),
        "LastModifiedTime": _time(url.last_modified),
        "InvokeMode": url.invoke_mode,
    }
    if url.cors is not None:
        shown["Cors"] = _describe_cors(url.cors)
    return shown


def _describe_cors(cors: Cors) -> dict[str, Any]:
    """What was given."""
    shown: dict[str, Any] = {
        "AllowHeaders": list(cors.allow_headers),
        "AllowMethods": list(cors.allow_methods),
        "AllowOrigins": list(cors.allow_origins),
        "ExposeHeaders": list(cors.expose_headers),
        "MaxAge": cors.max_age_s,
        "AllowCredentials": cors.allow_credentials or None,
    }
    return {name: value for name, value in shown.items() if value not in (None, [])}


def _time(at: Instant) -> str:
    """
    >>> _time(1_649_228_115_123_456_789)
    '2022-04-06T06:55:15.123456Z'
    """
    whole = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % SECOND // 1_000:06d}Z"

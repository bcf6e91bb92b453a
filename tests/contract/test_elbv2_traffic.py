"""Load balancers with real proxies and real servers: where requests go, and how targets are."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.certificate_build import a_certificate
from tests.fault.waiting import until
from tests.lambda_build import a_zip_of
from tests.process import PlaneProcess
from windlass.cli.admin_client import AdminClient

Client = Callable[..., Any]
Servers = Callable[[str], "Server"]


class Server:
    """An HTTP server on this machine that answers its name; it may be ill, or closed."""

    def __init__(self, name: str) -> None:
        self.ill = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = name.encode()
                self.send_response(500 if server.ill else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Not to stderr."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()


@pytest.fixture
def servers() -> Iterator[Servers]:
    made: list[Server] = []

    def make(name: str) -> Server:
        made.append(Server(name))
        return made[-1]

    yield make
    for server in made:
        server.close()


class Site:
    """A load balancer with one listener, and a group of address targets that are checked each 5 s."""

    def __init__(self, client: Client, endpoint: str, port: int = 8080) -> None:
        self.elb, self.endpoint, self.port = client("elbv2"), endpoint, port
        subnets = client("ec2").describe_subnets()["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        zones = sorted({one["AvailabilityZone"]: one["SubnetId"] for one in subnets}.values())[:2]
        made = self.elb.create_load_balancer(Name="site", Subnets=zones)["LoadBalancers"][0]
        self.arn, self.name = made["LoadBalancerArn"], made["DNSName"]
        self.address = made["AvailabilityZones"][0]["LoadBalancerAddresses"][0]["IpAddress"]
        self.group = self.a_group("site")
        actions = [{"Type": "forward", "TargetGroupArn": self.group}]
        of = {"LoadBalancerArn": self.arn, "Protocol": "HTTP", "Port": port}
        made = self.elb.create_listener(**of, DefaultActions=actions)["Listeners"][0]
        self.listener = made["ListenerArn"]

    def a_group(self, name: str, **asked: Any) -> str:
        wanted = {
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": self.vpc,
            "TargetType": "ip",
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            **asked,
        }
        made = self.elb.create_target_group(Name=name, **wanted)["TargetGroups"][0]
        return str(made["TargetGroupArn"])

    def register(self, *servers: Server, group: str = "") -> None:
        targets = [{"Id": "127.0.0.1", "Port": server.port} for server in servers]
        self.elb.register_targets(TargetGroupArn=group or self.group, Targets=targets)

    def health(self, group: str = "") -> dict[int, tuple[str, str]]:
        """Port → (state, reason)."""
        said = self.elb.describe_target_health(TargetGroupArn=group or self.group)
        return {
            one["Target"].get("Port", 0): (
                one["TargetHealth"]["State"],
                one["TargetHealth"].get("Reason", ""),
            )
            for one in said["TargetHealthDescriptions"]
        }

    def healthy(self, group: str = "") -> bool:
        return all(state == "healthy" for state, _ in self.health(group).values())

    def get(self, path: str = "/", host: str = "", **headers: str) -> tuple[int, str]:
        """(status, body) at the listener's own address, or, with `host`, at the endpoint."""
        url = f"{self.endpoint}{path}" if host else f"http://{self.address}:{self.port}{path}"
        asked = urllib.request.Request(url, headers={**headers, **({"Host": host} if host else {})})
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def certificate(self, port: int, name: str) -> str:
        """The certificate that a client gets there who asks for that name, PEM; "" if there is none."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with (
                socket.create_connection((self.address, port), timeout=30) as plain,
                context.wrap_socket(plain, server_hostname=name) as wrapped,
            ):
                return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b"")
        except OSError:
            return ""


@pytest.fixture
def site(client: Client, endpoint: str) -> Iterator[Site]:
    made = Site(client, endpoint)
    yield made
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)


def test_requests_reach_healthy_targets(site: Site, servers: Servers, plane: PlaneProcess) -> None:
    """In turns at the listener's real address; one that is ill is left out, and all are used when all are."""
    one, two = servers("one"), servers("two")
    until(lambda: site.get()[0] == 503, "503 without targets")
    site.register(one, two)
    until(site.healthy, "all targets healthy")
    until(lambda: {site.get()[1] for _ in range(8)} == {"one", "two"}, "both answer")
    two.ill = True
    ill = ("unhealthy", "Target.ResponseCodeMismatch")
    until(lambda: site.health()[two.port] == ill, "the ill one is found")
    until(lambda: {site.get() for _ in range(8)} == {(200, "one")}, "the other one answers alone")
    one.close()
    until(lambda: site.health()[one.port][0] == "unhealthy", "the closed one is found")
    until(lambda: (500, "two") in {site.get() for _ in range(8)}, "all are used when all are ill")
    shown = AdminClient(plane.endpoint).get("traffic")["load_balancers"]
    mine = next(row for row in shown if row["arn"] == site.arn)
    assert mine["groups"][0]["states"] == {"unhealthy": 2}
    assert mine["listeners"][0]["refused"] == []


def test_a_deregistered_target_gets_nothing_more(site: Site, servers: Servers) -> None:
    one, two = servers("one"), servers("two")
    site.register(one, two)
    until(site.healthy, "all targets healthy")
    leaving = [{"Id": "127.0.0.1", "Port": two.port}]
    site.elb.deregister_targets(TargetGroupArn=site.group, Targets=leaving)
    until(lambda: set(site.health()) == {one.port}, "it has drained")
    until(lambda: {site.get() for _ in range(8)} == {(200, "one")}, "the other one answers alone")
    with pytest.raises(site.elb.exceptions.ResourceInUseException):
        site.elb.delete_target_group(TargetGroupArn=site.group)


def test_names_on_the_endpoint(site: Site, servers: Servers) -> None:
    """The load balancer's name works as Host header on the endpoint, AWS's too, without and with the port."""
    site.register(servers("one"))
    until(site.healthy, "all targets healthy")
    aws_name = site.name.replace(".elb.localhost", ".elb.amazonaws.com")
    for host in (site.name, aws_name, f"{site.name}:{site.port}"):
        until(lambda host=host: site.get(host=host) == (200, "one"), host)


def test_rules_route(site: Site, servers: Servers) -> None:
    """By path and header; a redirect, a fixed answer; a change of the rules is taken at once."""
    site.register(servers("main"))
    other = site.a_group("other")
    fixed = {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "teapot"}

    def rule(priority: int, field: str, config: Any, action: Any) -> str:
        conditions = [{"Field": field, **config}]
        made = site.elb.create_rule(
            ListenerArn=site.listener, Priority=priority, Conditions=conditions, Actions=[action]
        )
        return str(made["Rules"][0]["RuleArn"])

    tea = rule(
        1, "path-pattern", {"Values": ["/tea/*"]}, {"Type": "fixed-response", "FixedResponseConfig": fixed}
    )
    header = {"HttpHeaderConfig": {"HttpHeaderName": "X-Other", "Values": ["y*"]}}
    rule(2, "http-header", header, {"Type": "forward", "TargetGroupArn": other})
    site.register(servers("other"), group=other)
    until(lambda: site.healthy() and site.healthy(other), "both groups healthy")
    until(lambda: site.get("/tea/1") == (418, "teapot"), "the fixed answer")
    until(lambda: site.get("/", **{"X-Other": "yes"}) == (200, "other"), "the other group")
    assert site.get("/", **{"X-Other": "no"}) == (200, "main")
    site.elb.delete_rule(RuleArn=tea)
    until(lambda: site.get("/tea/1") == (200, "main"), "the rule is gone")


def test_a_function_answers(site: Site, client: Client, plane: PlaneProcess) -> None:
    """A Lambda target gets the event of a load balancer, and what it returns is the answer."""
    code = (
        "import json\n"
        "def handler(event, context):\n"
        "    told = {name: event[name] for name in ('httpMethod', 'path', 'queryStringParameters')}\n"
        "    return {'statusCode': 201, 'headers': {'X-Told': 'yes'}, 'body': json.dumps(told)}\n"
    )
    arn = client("lambda").create_function(
        FunctionName="site",
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": a_zip_of({"index.py": code})},
    )["FunctionArn"]
    client("lambda").get_waiter("function_active_v2").wait(FunctionName="site")
    made = site.elb.create_target_group(Name="function", TargetType="lambda")["TargetGroups"][0]
    group = made["TargetGroupArn"]
    site.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    site.elb.modify_listener(ListenerArn=site.listener, DefaultActions=actions)
    until(lambda: site.get("/a?x=1")[0] == 201, "the function answers")
    told = json.loads(site.get("/a?x=1")[1])
    assert told == {"httpMethod": "GET", "path": "/a", "queryStringParameters": {"x": "1"}}
    assert site.health(group) == {0: ("unavailable", "Target.HealthCheckDisabled")}


def test_https_by_name(site: Site, client: Client) -> None:
    """A client gets the certificate of the name that it asks for, else the default one; a new one at once."""
    one, two, new = (a_certificate(name) for name in ("one.example", "*.two.example", "a.two.example"))
    acm, body, key = client("acm"), one.certificate, one.key
    first = client("iam").upload_server_certificate(
        ServerCertificateName="one", CertificateBody=body, PrivateKey=key
    )["ServerCertificateMetadata"]["Arn"]
    second = acm.import_certificate(Certificate=two.certificate, PrivateKey=two.key)["CertificateArn"]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "safe"}}
    of = {"LoadBalancerArn": site.arn, "Protocol": "HTTPS", "Port": 8443}
    listener = site.elb.create_listener(
        **of, Certificates=[{"CertificateArn": first}], DefaultActions=[fixed]
    )["Listeners"][0]["ListenerArn"]
    site.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": second}])
    other = "a.two.example"
    until(lambda: site.certificate(8443, other) == two.certificate, "the certificate of the other name")
    assert site.certificate(8443, "one.example") == one.certificate
    assert site.certificate(8443, "unknown.example") == one.certificate
    asked = {"Certificate": new.certificate, "PrivateKey": new.key}
    acm.import_certificate(CertificateArn=second, **asked)
    until(lambda: site.certificate(8443, other) == new.certificate, "the certificate that took its place")

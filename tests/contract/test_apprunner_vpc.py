"""App Runner instances with a VPC connector: interfaces of their own, and requests that reach them there."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fault.waiting import until
from tests.process import PlaneProcess

APP = """
import http.server, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("WINDLASS_TASK_ADDRESS", "none").encode())
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), App).serve_forever()
"""


def test_an_instance_in_a_vpc(plane: PlaneProcess, client: Callable[..., Any], tmp_path: Path) -> None:
    """It has an address of the connector's subnet while it runs, and answers through the service's URL."""
    (tmp_path / "app.py").write_text(APP)
    apprunner, ec2 = client("apprunner"), client("ec2")
    [subnet, *_] = ec2.describe_subnets()["Subnets"]
    connector = apprunner.create_vpc_connector(VpcConnectorName="inside", Subnets=[subnet["SubnetId"]])
    made = apprunner.create_service(
        ServiceName="inside-web",
        SourceConfiguration={
            "ImageRepository": {
                "ImageIdentifier": "public.ecr.aws/shop/web:1",
                "ImageRepositoryType": "ECR_PUBLIC",
                "ImageConfiguration": {"StartCommand": f"python3 {tmp_path}/app.py"},
            }
        },
        NetworkConfiguration={
            "EgressConfiguration": {
                "EgressType": "VPC",
                "VpcConnectorArn": connector["VpcConnector"]["VpcConnectorArn"],
            }
        },
    )["Service"]

    def status() -> str:
        found = apprunner.describe_service(ServiceArn=made["ServiceArn"])["Service"]
        return str(found["Status"])

    until(lambda: status() == "RUNNING", "it runs")
    [interface] = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert interface["SubnetId"] == subnet["SubnetId"]
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    connection.request("GET", "/", headers={"Host": made["ServiceUrl"]})
    answer = connection.getresponse()
    address = answer.read().decode()
    connection.close()
    assert answer.status == 200
    assert address == interface["PrivateIpAddress"] or address.startswith("127.")
    apprunner.delete_service(ServiceArn=made["ServiceArn"])
    until(lambda: status() == "DELETED", "it is deleted")
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []

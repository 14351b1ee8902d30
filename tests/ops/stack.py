"""The parts of a deployment as plain processes: replicas, nginx, Prometheus, and callers that load them."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "ops"
# Where programs often are although a plain user's PATH does not say so (Debian's daemons; a fresh Rust).
PROGRAM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:{Path.home() / '.cargo/bin'}"


def program(name: str) -> str:
    """The path of an installed program; the test fails, and says what to do, where it is missing."""
    found = shutil.which(name, path=PROGRAM_PATH)
    if not found:
        raise AssertionError(f"{name} was not found: run scripts/setup --tests")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30, detail: Callable[[], str] = str) -> Any:
    """Polls until the condition holds and returns its value; fails, naming what was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what} {detail()}")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def call(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One request on a connection of its own. A body that is not bytes is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        return call_on(connection, method, path, body, headers)
    finally:
        connection.close()


def call_on(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    sent = {} if body is None else {"Content-Type": "application/json"}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, data, sent | (headers or {}))
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def status_of(port: int, path: str) -> int | None:
    """The status of a GET, or None where nobody answers."""
    try:
        return call(port, "GET", path).status
    except (OSError, http.client.HTTPException):
        return None


def accepts(port: int) -> bool:
    """Whether a connection to the port is accepted; nothing is sent."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Process:
    """A child process with its output in a file."""

    name: str
    command: list[str]
    log: Path
    cwd: Path | None = None
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Tests clean up after themselves; this is for a run that is interrupted.
        atexit.register(self.stop)
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self.cwd
            )

    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def wait_until(self, condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        """Like the function, but fails at once when the process has ended."""

        def checked() -> Any:
            if not self.running():
                raise AssertionError(f"{self.name} ended before it was {what}:\n{self.tail()}")
            return condition()

        return wait_until(checked, f"{self.name} {what}", seconds, lambda: "\n" + self.tail())

    def signal(self, number: signal.Signals) -> None:
        assert self.child is not None, f"{self.name} was never started"
        self.child.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        """The exit status; minus the signal's number if one ended it."""
        assert self.child is not None, f"{self.name} was never started"
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds} s:\n{self.tail()}") from None

    def stop(self) -> None:
        """For cleaning up: asks, then insists."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Replica(Process):
    """A real `alike serve`."""

    def __init__(self, name: str, binary: Path, home: Path, data: Path, log: Path):
        self.port = free_port()
        command = [str(binary), "serve", "--data", str(data), "--listen", f"127.0.0.1:{self.port}"]
        if os.geteuid() == 0:
            # As compose runs it (cap_drop: ALL): without capabilities, root is bound by the folder's permissions too.
            command = ["setpriv", "--bounding-set", "-all", "--", *command]
        super().__init__(name, command, log, cwd=home.parent)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: status_of(self.port, "/readyz") == 200, "ready")

    def metrics(self) -> str:
        return call(self.port, "GET", "/metrics").body.decode()

    def searches(self) -> float:
        """How many search calls this process has answered, by its own count."""
        lines = re.findall(r'^alike_http_requests_total\{[^}]*route="[^"]*/search"[^}]*\} (\S+)', self.metrics(), re.M)
        return sum(map(float, lines))


class Nginx(Process):
    """A real nginx with our nginx.conf as it is; only the addresses of the compose set-up are exchanged for local ones."""

    def __init__(self, folder: Path, replica_ports: list[int]):
        self.port = free_port()
        addresses, compose = folder / "addresses", OPS / "nginx" / "compose"
        addresses.mkdir(parents=True)
        (folder / "nginx.conf").symlink_to(OPS / "nginx" / "nginx.conf")
        listen = (compose / "listen.conf").read_text().replace("listen 7700;", f"listen 127.0.0.1:{self.port};")
        (addresses / "listen.conf").write_text(listen)
        upstreams = local_upstreams((compose / "upstreams.conf").read_text(), replica_ports)
        (addresses / "upstreams.conf").write_text(upstreams)
        command = [program("nginx"), "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-e", "stderr"]
        super().__init__("nginx", command, folder / "nginx.log")

    def start(self) -> None:
        checked = subprocess.run([*self.command, "-t"], capture_output=True, text=True)
        assert checked.returncode == 0, f"nginx -t refuses ops/nginx/nginx.conf:\n{checked.stderr}"
        super().start()
        self.wait_until(lambda: accepts(self.port), "listening")


def local_upstreams(text: str, ports: list[int]) -> str:
    """The upstream lines of the compose set-up, each with the next local port in place of its address."""
    left = iter(ports)
    replaced = re.sub(r"^server \S+:7700 ", lambda _: f"server 127.0.0.1:{next(left)} ", text, flags=re.M)
    assert next(left, None) is None and "7700" not in replaced, f"not {len(ports)} servers on port 7700:\n{text}"
    return replaced


def prometheus_folder(folder: Path, replica_ports: list[int]) -> Path:
    """Our Prometheus configuration as it is, beside a targets file with local addresses. Returns the main file."""
    addresses = folder / "addresses"
    addresses.mkdir(parents=True)
    for name in ("prometheus.yml", "alerts.yml"):
        (folder / name).symlink_to(OPS / "prometheus" / name)
    targets = json.loads((OPS / "prometheus" / "compose" / "alike.json").read_text())
    assert len(targets) == len(replica_ports)
    for target, port in zip(targets, replica_ports):
        target["targets"] = [f"127.0.0.1:{port}"]
    (addresses / "alike.json").write_text(json.dumps(targets))
    return folder / "prometheus.yml"


class Prometheus(Process):
    """A real Prometheus with our configuration."""

    def __init__(self, folder: Path, replica_ports: list[int]):
        self.port = free_port()
        config = prometheus_folder(folder, replica_ports)
        command = [
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        super().__init__("Prometheus", command, folder / "prometheus.log")

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: status_of(self.port, "/-/ready") == 200, "ready")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector that an expression evaluates to; fails with Prometheus's message if it is wrong."""
        body = urllib.parse.urlencode({"query": expression}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = call(self.port, "POST", "/api/v1/query", body, headers)
        assert answer.status == 200, f"Prometheus refuses {expression}: {answer.body.decode()}"
        return answer.json()["data"]["result"]

    def alerts(self) -> list[dict[str, Any]]:
        groups = call(self.port, "GET", "/api/v1/rules?type=alert").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@dataclass
class Load:
    """Callers that each send searches one after the other, on a connection that is kept, while something happens."""

    port: int
    path: str
    requests: int
    callers: int = 4
    statuses: list[int | str] = field(default_factory=list)

    def around(self, happening: Callable[[], None]) -> list[int | str]:
        """Runs `happening` when a quarter of the requests is answered; returns every status (or error)."""
        threads = [threading.Thread(target=self._caller, args=(number,)) for number in range(self.callers)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(self.statuses) >= self.requests // 4, "a quarter of the load answered", 60)
            happening()
        finally:
            for thread in threads:
                thread.join()
        return self.statuses

    def _caller(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for turn in range(self.requests // self.callers):
            try:
                answer = call_on(connection, "POST", self.path, {"text": f"warm coat {number} {turn}", "limit": 5})
                self.statuses.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.statuses.append(repr(error))
        connection.close()

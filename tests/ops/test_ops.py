#!/usr/bin/env python3
"""The deployment, as far as it runs without containers.

    python3 tests/ops/test_ops.py --binary target/debug/alike --home .alike [-v] [TEST…]

nginx and Prometheus run as plain processes with the very files that docker-compose.yml mounts (addresses alone differ),
in front of two real `alike serve` on one data folder. Only Python's standard library is used.
"""

import argparse
import atexit
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any

import compose_file
import dashboard
import stack
from scripted import ANSWER, HANG_UP, Script, ScriptedReplica
from stack import OPS, ROOT, Load, Nginx, Prometheus, Replica, call, status_of, wait_until

BINARY = Path()
HOME = Path()
DASHBOARD = OPS / "grafana" / "dashboards" / "alike.json"
COLLECTION = "/v1/collections/products"
SEARCH = f"{COLLECTION}/search"
SEARCH_BODY = {"text": "warm coat", "limit": 5}
PLACEMENT = f"{COLLECTION}/placements/home"
EXPERIMENT = "/v1/experiments/home-page"
# What a process that may write is told before the replicas start, which may not.
DEFINED = {
    PLACEMENT: {"strategy": "trending", "window": "24h", "limit": 5},
    EXPERIMENT: {
        "collection": "products",
        "variants": [
            {"name": "control", "weight": 1, "placement": "home"},
            {"name": "personal", "weight": 1, "settings": {"strategy": "for_you"}},
        ],
    },
}


def temporary_folder(case: Any) -> Path:
    """A folder that goes with the test (or the class), open to the other user that nginx's workers are."""
    folder = Path(tempfile.mkdtemp(prefix="alike-ops-"))
    folder.chmod(0o755)
    add = case.addClassCleanup if isinstance(case, type) else case.addCleanup
    add(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class ComposeTest(unittest.TestCase):
    """docker-compose.yml, read as a document."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.compose = compose_file.parse((ROOT / "docker-compose.yml").read_text())
        cls.services = cls.compose["services"]

    def test_every_mounted_file_is_in_the_repository(self) -> None:
        mounts = [volume for service in self.services.values() for volume in service.get("volumes", [])]
        sources = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
        self.assertGreaterEqual(len(sources), 7)
        for source in sources:
            self.assertTrue((ROOT / source).exists(), f"{source} is mounted but not there")

    def test_every_named_volume_and_network_is_declared(self) -> None:
        for name, service in self.services.items():
            for volume in service.get("volumes", []):
                if not volume.startswith((".", "/", "$")):
                    self.assertIn(volume.split(":")[0], self.compose["volumes"], name)
            for network in service["networks"]:
                self.assertIn(network, self.compose["networks"], name)

    def test_the_replicas_cannot_write(self) -> None:
        for name in ("alike-1", "alike-2"):
            replica = self.services[name]
            self.assertTrue(replica["read_only"])
            self.assertEqual(replica["volumes"], ["snapshots:/data:ro"])
            self.assertEqual(replica["command"], ["serve", "--data", "/data", "--listen", "0.0.0.0:7700"])

    def test_every_service_is_hardened_and_pinned(self) -> None:
        for name, service in self.services.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)
            self.assertRegex(service["image"], r":v?\d+\.\d+", f"{name}: the image's version is not pinned")

    def test_only_the_front_door_is_open_to_other_machines(self) -> None:
        for name, service in self.services.items():
            for port in service.get("ports", []):
                self.assertTrue(
                    port == "7700:7700" if name == "nginx" else port.startswith("127.0.0.1:"), f"{name}: {port}"
                )

    def test_nginx_and_prometheus_look_for_the_replicas_where_they_are(self) -> None:
        addresses = [self.services[name]["networks"]["inside"]["ipv4_address"] for name in ("alike-1", "alike-2")]
        upstreams = (OPS / "nginx/compose/upstreams.conf").read_text()
        self.assertEqual(re.findall(r"^server (\S+):7700 ", upstreams, re.M), addresses)
        targets = json.loads((OPS / "prometheus/compose/alike.json").read_text())
        self.assertEqual([target["targets"] for target in targets], [["alike-1:7700"], ["alike-2:7700"]])

    def test_the_tested_configuration_is_the_mounted_one(self) -> None:
        nginx, prometheus = self.services["nginx"], self.services["prometheus"]
        self.assertIn("./ops/nginx/nginx.conf:/etc/nginx/nginx.conf:ro", nginx["volumes"])
        self.assertIn("./ops/nginx/compose:/etc/nginx/addresses:ro", nginx["volumes"])
        self.assertIn("/etc/nginx/nginx.conf", nginx["entrypoint"])
        self.assertIn("./ops/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro", prometheus["volumes"])
        self.assertIn("./ops/prometheus/compose:/etc/prometheus/addresses:ro", prometheus["volumes"])
        self.assertIn("--config.file=/etc/prometheus/prometheus.yml", prometheus["command"])

    def test_docker_compose_accepts_it_where_it_is_installed(self) -> None:
        docker = shutil.which("docker")
        if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
            self.skipTest("docker compose is not installed here")
        command = [docker, "compose", "--profile", "*", "config", "--quiet"]
        checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)


class ImageTest(unittest.TestCase):
    """The Dockerfile, as far as it can be read."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
        cls.final = re.split(r"^FROM ", cls.text, flags=re.M)[-1]

    def test_it_runs_alike_as_a_plain_user(self) -> None:
        self.assertRegex(self.final, r"(?m)^USER 10001:10001$")
        self.assertRegex(self.final, r'(?m)^ENTRYPOINT \["alike"\]$')

    def test_the_rust_version_is_ours(self) -> None:
        manifest = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^rust-version = "([^"]+)"', manifest, re.M)[1]
        self.assertIn(f"FROM rust:{version}-", self.text)

    def test_the_copied_scripts_are_in_the_repository(self) -> None:
        copied = re.search(r"^COPY (scripts/.*) scripts/$", self.text, re.M)[1].split()
        for name in copied:
            self.assertTrue((ROOT / name).is_file(), name)

    def test_what_travels_to_the_builder_is_a_whole_workspace(self) -> None:
        """Cargo refuses a manifest whose members, benches or tests were left out by .dockerignore."""
        names = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M)
        context = temporary_folder(self)
        for name in names:
            if (ROOT / name).exists():
                (context / name).symlink_to(ROOT / name)
        command = [stack.program("cargo"), "metadata", "--offline", "--no-deps", "--format-version=1"]
        checked = subprocess.run(command, cwd=context, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_the_health_check_tells_ready_from_not_ready(self) -> None:
        script = Script(200, 503)
        replica = ScriptedReplica(script)
        self.addCleanup(replica.close)
        command = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*\])$", self.final, re.M)[1])
        command = [part.replace("127.0.0.1/7700", f"127.0.0.1/{replica.port}") for part in command]
        codes = [subprocess.run(command, capture_output=True).returncode for _ in range(2)]
        replica.close()
        codes.append(subprocess.run(command, capture_output=True).returncode)
        self.assertEqual([code == 0 for code in codes], [True, False, False])
        self.assertEqual([request["path"] for request in script.seen], ["/readyz", "/readyz"])


class MonitoringFilesTest(unittest.TestCase):
    """Prometheus's and Grafana's files, before anything runs."""

    def promtool(self, *arguments: str) -> None:
        checked = subprocess.run([stack.program("promtool"), *arguments], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_promtool_accepts_configuration_and_rules(self) -> None:
        self.promtool("check", "config", str(stack.prometheus_folder(temporary_folder(self), [1, 2])))

    def test_every_alert_fires_when_it_should_and_only_then(self) -> None:
        self.promtool("test", "rules", str(ROOT / "tests/ops/alerts_test.yml"))
        alerts = re.findall(r"- alert: (\w+)", (OPS / "prometheus/alerts.yml").read_text())
        tested = re.findall(r"alertname: (\w+)\n", (ROOT / "tests/ops/alerts_test.yml").read_text())
        self.assertEqual(set(alerts), set(tested), "an alert without a test of its firing")

    def test_the_dashboard_reads_the_provisioned_data_source(self) -> None:
        provisioned = (OPS / "grafana/provisioning/datasources/prometheus.yml").read_text()
        uid = re.search(r"uid: (\S+)", provisioned)[1]
        scraped = re.search(r"scrape_interval: (\S+)", (OPS / "prometheus/prometheus.yml").read_text())[1]
        self.assertIn(f"timeInterval: {scraped}", provisioned)
        shown = list(dashboard.panels(dashboard.load(DASHBOARD)))
        for panel in shown:
            for part in (panel, *panel["targets"]):
                self.assertEqual(part["datasource"], {"type": "prometheus", "uid": uid}, panel["title"])
        rows = [panel for panel in dashboard.load(DASHBOARD)["panels"] if panel["type"] == "row"]
        ids = [panel["id"] for panel in (*rows, *shown)]
        self.assertEqual(len(ids), len(set(ids)), "two panels with one id")

    def test_no_panel_of_the_dashboard_lies_on_another(self) -> None:
        taken: dict[tuple[int, int], str] = {}
        for panel in dashboard.load(DASHBOARD)["panels"]:
            for cell in dashboard.cells(panel):
                self.assertLess(cell[0], 24, f"{panel['title']}: a row has 24 columns")
                self.assertNotIn(cell, taken, f"{panel['title']} lies on {taken.get(cell)}")
                taken[cell] = panel["title"]


class FrontDoorTest(unittest.TestCase):
    """What nginx does with each kind of failure, behind it two servers that fail on demand."""

    def start(self, *steps: int) -> None:
        self.script = Script(*steps)
        self.replicas = [ScriptedReplica(self.script) for _ in range(2)]
        for replica in self.replicas:
            self.addCleanup(replica.close)
        self.nginx = Nginx(temporary_folder(self) / "nginx", [replica.port for replica in self.replicas])
        self.port = self.nginx.port
        self.addCleanup(self.nginx.stop)
        self.nginx.start()

    def search(self) -> stack.Answer:
        return call(self.port, "POST", SEARCH, SEARCH_BODY)

    def send_event(self) -> stack.Answer:
        return call(self.port, "POST", "/v1/events", {"collection": "products", "type": "view", "item": "1"})

    def assert_problem(self, answer: stack.Answer, status: int, detail: str) -> None:
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json()["status"], status)
        self.assertIn(detail, answer.json()["detail"])

    def test_a_search_is_asked_again_when_its_replica_dies_with_it(self) -> None:
        for path in (SEARCH, f"{COLLECTION}/recommend"):
            with self.subTest(path):
                self.start(HANG_UP, ANSWER)
                self.assertEqual(call(self.port, "POST", path, SEARCH_BODY).status, 200)
                self.assertEqual(len(self.script.seen), 2)

    def test_events_are_not_repeated_once_sent(self) -> None:
        self.start(HANG_UP, ANSWER)
        self.assert_problem(self.send_event(), 502, "may or may not have been recorded")
        self.assertEqual(len(self.script.seen), 1)

    def test_events_go_to_the_other_replica_when_nothing_was_sent(self) -> None:
        self.start()
        self.replicas[0].close()
        statuses = [self.send_event().status for _ in range(10)]
        self.assertEqual((statuses, len(self.script.seen)), ([200] * 10, 10))

    def test_searches_share_connections_and_events_have_their_own(self) -> None:
        self.start()
        for send, shared in ((self.send_event, False), (self.search, True)):
            self.script.seen.clear()
            for _ in range(40):
                self.assertEqual(send().status, 200)
            connections = {request["caller"] for request in self.script.seen}
            self.assertEqual(len(connections) < 40, shared, connections)

    def test_a_search_moves_on_from_a_replica_that_cannot_serve(self) -> None:
        self.start(503, ANSWER)
        self.assertEqual(self.search().status, 200)
        self.assertEqual(len(self.script.seen), 2)

    def test_overload_goes_back_to_the_caller(self) -> None:
        self.start(429, ANSWER)
        answer = self.search()
        self.assertEqual((answer.status, answer.headers["Retry-After"], len(self.script.seen)), (429, "7", 1))

    def test_other_writes_are_not_repeated(self) -> None:
        self.start(HANG_UP, ANSWER)
        self.assertEqual(call(self.port, "POST", f"{COLLECTION}/items", []).status, 503)
        self.assertEqual(len(self.script.seen), 1)

    def test_without_any_replica_callers_get_a_problem_document(self) -> None:
        self.start()
        for replica in self.replicas:
            replica.close()
        answer = self.search()
        self.assert_problem(answer, 503, "no replica answered")
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertTrue(answer.headers["X-Request-Id"])

    def test_a_harmless_request_id_is_kept_and_any_other_replaced(self) -> None:
        self.start()
        for sent, kept in (("order-17.a_B", True), ("x" * 65, False), ('"},{"', False), (None, False)):
            answer = call(self.port, "GET", "/livez", headers={"X-Request-Id": sent} if sent else {})
            passed_on = self.script.seen[-1]["request_id"]
            self.assertEqual(answer.headers.get_all("X-Request-Id"), [passed_on])
            self.assertRegex(passed_on, r"^order-17\.a_B$" if kept else r"^[0-9a-f]{32}$")

    def test_metrics_stay_inside(self) -> None:
        self.start()
        for path in ("/metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics?x=1", "/x/../metrics"):
            self.assertEqual(status_of(self.port, path), 404, path)
        self.assertEqual(self.script.seen, [])

    def test_large_bodies_pass_and_oversized_ones_are_refused(self) -> None:
        self.start()
        body = b" " * (2 << 20)
        self.assertEqual(call(self.port, "POST", "/v1/events", body).status, 200)
        self.assertEqual(self.script.seen[-1]["bytes"], len(body))
        oversized = call(self.port, "POST", "/v1/events", b"", {"Content-Length": str((32 << 20) + 1)})
        self.assert_problem(oversized, 413, "32 MiB")

    def test_every_request_is_one_line_of_json_in_the_log(self) -> None:
        self.start(HANG_UP, ANSWER)
        call(self.port, "POST", f"{SEARCH}?a=%22'\\", SEARCH_BODY, {"X-Request-Id": "traced"})
        self.nginx.stop()
        logged = [json.loads(line) for line in self.nginx.log.read_text().splitlines() if line.startswith("{")]
        line = next(line for line in logged if line["request_id"] == "traced")
        self.assertEqual((line["status"], line["uri"]), (200, f"{SEARCH}?a=%22'\\"))
        self.assertEqual(line["replica_status"], "502, 200")


def catalog() -> str:
    """50 items as JSON lines."""
    kinds = ("coat", "lamp", "kettle", "tent", "chair")
    rows = (
        {"id": f"item-{n}", "title": f"{adjective} {kind}", "category": kind, "price": 10.0 + n}
        for n, (adjective, kind) in enumerate(
            (adjective, kind)
            for adjective in ("warm", "red", "light", "folding", "small", "large", "quiet", "old", "cheap", "sturdy")
            for kind in kinds
        )
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


def build(folder: Path) -> Path:
    """A read-only data folder: one collection, made by the real `alike build`, with a placement and an experiment."""
    data, source = folder / "data", folder / "catalog.jsonl"
    source.write_text(catalog())
    flags = ["--collection", "products", "--input", str(source), "--id", "id", "--embed", "title"]
    command = [str(BINARY), "build", "--data", str(data), *flags, "--filter", "price,category"]
    built = subprocess.run(command, cwd=HOME.parent, capture_output=True, text=True)
    assert built.returncode == 0, f"{' '.join(command)}:\n{built.stdout}{built.stderr}"
    define(data, folder / "writer.log")
    for path in (data, *data.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    return data


def define(data: Path, log: Path) -> None:
    """Has a replica that may still write keep a placement and an experiment in the data folder."""
    writer = Replica("the writer", BINARY, HOME, data, log)
    try:
        writer.start()
        for path, body in DEFINED.items():
            answer = call(writer.port, "PUT", path, body)
            assert answer.status == 201, f"PUT {path}: {answer.status} {answer.body.decode()}"
    finally:
        writer.stop()


def fingerprint(data: Path) -> dict[str, str]:
    """Every file with its digest."""
    return {
        str(p.relative_to(data)): hashlib.sha256(p.read_bytes()).hexdigest() for p in data.rglob("*") if p.is_file()
    }


def mixed_traffic(port: int, turn: int) -> None:
    """One of each kind of call that the dashboard counts, some of them wrong on purpose."""
    call(port, "POST", SEARCH, {"text": f"warm coat {turn}", "limit": 5})
    call(port, "POST", SEARCH, {"text": "lamp", "filter": {"price": {"lt": 40}}, "limit": 5})
    call(port, "POST", SEARCH, {"text": "lamp", "exact": True})
    call(port, "GET", f"{COLLECTION}/items/item-1")
    call(port, "POST", SEARCH, {"no_such_field": 1})
    recommendations(port)
    events(port, turn)
    experiment(port, turn)


def recommendations(port: int) -> None:
    """Some strategies, a call that a fallback fills up, and the answers that everybody shares."""
    call(port, "POST", f"{COLLECTION}/recommend", {"like": ["item-1"], "limit": 5})
    call(port, "POST", f"{COLLECTION}/recommend", {"strategy": "for_you", "user": "u1", "limit": 5})
    # Nobody has bought anything: other strategies fill up.
    call(port, "POST", f"{COLLECTION}/recommend", {"strategy": "bought_together", "basket": ["item-1"], "limit": 5})
    call(port, "GET", f"{COLLECTION}/trending?window=24h&limit=5")
    call(port, "GET", f"{COLLECTION}/recommend/home")


def events(port: int, turn: int) -> None:
    """A good event, one that was sent before, one of an item that is not there, one that is wrong, a query of UBI."""
    event = {"collection": "products", "type": "view", "item": f"item-{turn % 50}", "user": "u1", "session": "s1"}
    call(port, "POST", "/v1/events", event)
    call(port, "POST", "/v1/events", event | {"item": "item-2", "id": "sent-every-time"})
    call(port, "POST", "/v1/events", event | {"item": "no-such-item"})
    call(port, "POST", "/v1/events", event | {"type": "no-such-type"})
    call(port, "POST", "/v1/events?collection=products", {"query_id": f"q{turn}", "user_query": "lamp"})


def experiment(port: int, turn: int) -> None:
    """A shopper sees two pages of the experiment and clicks on the second; another click names no answer of ours.

    nginx takes turns: two pages are one of each replica, so whichever gets the click has counted its shopper.
    """
    shopper = {"user": f"u{turn % 7}"}
    for _ in range(2):
        page = shopper | {"experiment": EXPERIMENT.rpartition("/")[2], "limit": 5}
        answer = call(port, "POST", f"{COLLECTION}/recommend", page)
    click = shopper | {"collection": "products", "type": "click", "item": "item-3"}
    for named in (answer.json().get("recommendation_id", "none"), "not-ours"):
        call(port, "POST", "/v1/events", click | {"recommendation_id": named})


class Traffic(threading.Thread):
    """Mixed calls until stopped, spread over the replicas by nginx."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port
        self.stopped = threading.Event()

    def run(self) -> None:
        turn = 0
        while not self.stopped.wait(0.05):
            mixed_traffic(self.port, turn)
            turn += 1

    def __enter__(self) -> "Traffic":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


class StackTest(unittest.TestCase):
    """Two real replicas behind nginx, watched by Prometheus."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = temporary_folder(cls)
        cls.data = build(folder)
        cls.before = fingerprint(cls.data)
        cls.replicas = [
            Replica(name, BINARY, HOME, cls.data, folder / f"{name}.log") for name in ("alike-1", "alike-2")
        ]
        ports = [replica.port for replica in cls.replicas]
        nginx = Nginx(folder / "nginx", ports)
        cls.port = nginx.port
        cls.prometheus = Prometheus(folder / "prometheus", ports)
        for process in (*cls.replicas, nginx, cls.prometheus):
            cls.addClassCleanup(process.stop)
            process.start()

    def setUp(self) -> None:
        for replica in self.replicas:
            if not replica.running():
                replica.start()
                self.wait_until_used(replica)

    def wait_until_used(self, replica: Replica) -> None:
        """nginx leaves a replica out for a moment after failures."""

        def answered_more() -> bool:
            before = replica.searches()
            for _ in range(4):
                call(self.port, "POST", SEARCH, SEARCH_BODY)
            return replica.searches() > before

        replica.wait_until(answered_more, "back behind nginx")

    def test_a_search_through_nginx_finds_the_item(self) -> None:
        answer = call(self.port, "POST", SEARCH, {"text": "warm coat", "limit": 3})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["hits"][0]["id"], "item-0")

    def test_both_replicas_give_the_same_answer(self) -> None:
        answers = [call(replica.port, "POST", SEARCH, SEARCH_BODY).json() for replica in self.replicas]
        self.assertEqual(answers[0]["hits"], answers[1]["hits"])
        self.assertEqual(answers[0]["snapshot"], answers[1]["snapshot"])

    def test_no_search_fails_while_a_replica_is_killed_and_it_is_used_again_when_back(self) -> None:
        victim = self.replicas[0]
        statuses = Load(self.port, SEARCH, requests=400).around(lambda: victim.signal(signal.SIGKILL))
        self.assertEqual(statuses, [200] * 400)
        self.assertEqual(victim.wait(), -signal.SIGKILL)
        victim.start()
        self.wait_until_used(victim)

    def test_no_search_fails_while_a_replica_drains(self) -> None:
        leaving = self.replicas[1]
        statuses = Load(self.port, SEARCH, requests=400).around(lambda: leaving.signal(signal.SIGTERM))
        self.assertEqual(statuses, [200] * 400)
        self.assertEqual(leaving.wait(), 0, leaving.tail())

    def test_prometheus_sees_both_and_every_panel_has_data(self) -> None:
        self.wait_until_scraped()
        pending = dashboard.queries(dashboard.load(DASHBOARD))

        def answered() -> bool:
            pending[:] = [query for query in pending if not dashboard.has_data(self.prometheus.query(query.expression))]
            return not pending

        with Traffic(self.port):
            wait_until(answered, "data for every panel", 90, lambda: "".join(f"\n  {query}" for query in pending))

    def test_prometheus_evaluates_every_alert_and_none_fires(self) -> None:
        self.wait_until_scraped()
        wait_until(lambda: all(rule["health"] != "unknown" for rule in self.prometheus.alerts()), "alerts evaluated")
        rules = self.prometheus.alerts()
        self.assertGreaterEqual(len(rules), 9)
        for rule in rules:
            self.prometheus.query(rule["query"])
            self.assertEqual(rule["health"], "ok", rule)
            self.assertNotEqual(rule["state"], "firing", rule)

    def wait_until_scraped(self) -> None:
        both = 'count(up{job="alike"} == 1) == 2'
        self.prometheus.wait_until(lambda: self.prometheus.query(both), "seeing both replicas")

    def test_every_metric_that_is_read_is_exported(self) -> None:
        mixed_traffic(self.replicas[0].port, 0)
        answer = call(self.replicas[0].port, "GET", "/metrics")
        self.assertIn("text/plain; version=0.0.4", answer.headers["Content-Type"])
        exported = set(re.findall(r"^# TYPE (\S+) ", answer.body.decode(), re.M))
        expressions = [query.expression for query in dashboard.queries(dashboard.load(DASHBOARD))]
        expressions += [rule["query"] for rule in self.prometheus.alerts()]
        read = set().union(*map(dashboard.metric_names, expressions))
        self.assertEqual(read - exported, set(), "read by the dashboard or an alert, but not exported")

    def test_serving_changes_nothing_on_disk(self) -> None:
        mixed_traffic(self.port, 0)
        self.assertEqual(fingerprint(self.data), self.before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the alike binary")
    parser.add_argument("--home", type=Path, required=True, help="the .alike folder that scripts/setup made")
    arguments, rest = parser.parse_known_args()
    if not os.access(arguments.binary, os.X_OK):
        parser.error(f"no program at {arguments.binary}: build it first (cargo build)")
    if not (arguments.home / "models").is_dir():
        parser.error(f"no model in {arguments.home}: run scripts/setup")
    global BINARY, HOME
    BINARY, HOME = arguments.binary.resolve(), arguments.home.resolve()
    # Terminated like interrupted: nothing that was started stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Recommendations over HTTP: latency of personal calls with rules, requests a second of a cached trending list.

Starts `alike serve` on a copy-free data directory that has a collection, records invented shoppers' events about its
items, builds a snapshot that has learned from them, and then asks. Standard library only, and `wrk` (a Debian package)
for requests a second; the server that answers nothing is `cargo build --release --example empty`.

    benches/recommend.py --data store --collection arxiv --field primary_cat [--calls 3000] [--json]

The events stay in the collection: use a data directory made for this.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
WRK = ["-t1", "-c16"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens, and one connection to it."""

    def __init__(self, command, port):
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = None
        deadline = time.monotonic() + 60
        while True:
            try:
                status, _ = self.ask("GET", "/readyz")
                if status == 200:
                    return
            except OSError:
                self.connection = None
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit("the server did not come up: %s" % " ".join(map(str, command)))
            time.sleep(0.1)

    def ask(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        self.connection.request(method, path, body, {"content-type": "application/json"})
        response = self.connection.getresponse()
        return response.status, response.read()

    def json(self, method, path, body=None):
        status, answer = self.ask(method, path, None if body is None else json.dumps(body))
        if status >= 300:
            sys.exit("%s %s: %d %s" % (method, path, status, answer.decode()))
        return json.loads(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def item_ids(server, base, wanted):
    """Ids of items, in the order of the collection."""
    ids, cursor = [], None
    while len(ids) < wanted:
        body = {"limit": 1000, "fields": []}
        if cursor:
            body["cursor"] = cursor
        page = server.json("POST", base + "/items/scroll", body)
        ids += [item["id"] for item in page["items"]]
        cursor = page.get("cursor")
        if not cursor:
            break
    return ids


def invented_events(collection, ids, users, baskets, chance):
    """Baskets of neighbors in the catalog: a few items near a popular one, of the last sixty days."""
    now = time.time()
    for number in range(baskets):
        user = "u%d" % int(users * chance.random() ** 2)
        start = int(len(ids) * chance.random() ** 3)
        when = int((now - chance.random() * 60 * 86400) * 1000)
        for _ in range(chance.randint(1, 7)):
            item = ids[min(start + int(chance.expovariate(0.2)), len(ids) - 1)]
            yield {"collection": collection, "type": "purchase", "item": item, "user": user, "basket": "b%d" % number, "time": when}


def record(server, events):
    part, count = [], 0
    for event in events:
        part.append(json.dumps(event))
        if len(part) == 10000:
            server.ask("POST", "/v1/events", "\n".join(part))
            count, part = count + len(part), []
    server.ask("POST", "/v1/events", "\n".join(part))
    return count + len(part)


def build(server, base):
    started = time.monotonic()
    job = server.json("POST", base + "/snapshots", {"force": True})
    while job["state"] in ("running", "queued"):
        time.sleep(0.5)
        job = server.json("GET", "/v1/jobs/" + job["id"])
    if job["state"] != "succeeded":
        sys.exit("the build failed: %s" % json.dumps(job))
    return time.monotonic() - started


def latencies(server, path, bodies):
    """Milliseconds at the 50th and 99th percentile, one caller after the other."""
    for body in bodies[:200]:
        server.ask("POST", path, body)
    times = []
    for body in bodies:
        start = time.perf_counter()
        status, answer = server.ask("POST", path, body)
        times.append((time.perf_counter() - start) * 1e3)
        if status != 200:
            sys.exit("%d %s" % (status, answer.decode()))
    times.sort()
    return {"p50_ms": round(times[len(times) // 2], 3), "p99_ms": round(times[len(times) * 99 // 100], 3)}


def requests_a_second(port, path, seconds):
    answer = subprocess.run(
        ["wrk", *WRK, "-d%ds" % seconds, "http://127.0.0.1:%d%s" % (port, path)], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in answer:
        sys.exit(answer)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", answer).group(1))


def calls(options, users, ids, field_value, chance):
    """Bodies by kind of call."""
    rules = {
        "exclude": {"bought": True},
        "boost": [{"filter": {options.field: field_value}, "factor": 1.5}],
        "max_per": [{"field": options.field, "count": 3}],
        "diversity": 0.2,
    }
    user = lambda: "u%d" % int(users * chance.random() ** 2)
    basket = lambda: chance.sample(ids[: len(ids) // 10], 3)
    kinds = {
        "for_you": lambda: {"strategy": "for_you", "user": user(), "limit": 12},
        "for_you, rules": lambda: {"strategy": "for_you", "user": user(), "limit": 12, "rules": rules},
        "bought_together, rules": lambda: {"strategy": "bought_together", "basket": basket(), "limit": 12, "rules": rules},
        "similar, rules": lambda: {"strategy": "similar", "like": basket()[:1], "limit": 12, "rules": dict(rules, exclude={})},
        "blend, rules": lambda: {
            "blend": [{"strategy": "for_you", "weight": 0.7}, {"strategy": "trending", "weight": 0.3}],
            "user": user(), "window": "7d", "limit": 12, "rules": rules,
        },
    }
    return {name: [json.dumps(make()) for _ in range(options.calls)] for name, make in kinds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a data directory made for this")
    parser.add_argument("--collection", required=True)
    parser.add_argument("--field", required=True, help="a filterable keyword field, for the rules")
    parser.add_argument("--users", type=int, default=20000)
    parser.add_argument("--baskets", type=int, default=60000)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    options = parser.parse_args()
    chance = random.Random(7)
    port, base = free_port(), "/v1/collections/" + options.collection
    server = Server([RELEASE / "alike", "serve", "--data", options.data, "--listen", "127.0.0.1:%d" % port], port)
    result = {}
    try:
        ids = item_ids(server, base, 150000)
        chance.shuffle(ids)
        started = time.monotonic()
        count = record(server, invented_events(options.collection, ids, options.users, options.baskets, chance))
        result["events"] = {"count": count, "per_s": round(count / (time.monotonic() - started))}
        result["build_s"] = round(build(server, base), 1)
        first = server.json("GET", base + "/items/" + ids[0])
        field_value = first.get("fields", first)[options.field]
        field_value = field_value[0] if isinstance(field_value, list) else field_value
        for name, bodies in calls(options, options.users, ids, field_value, chance).items():
            result[name] = latencies(server, base + "/recommend", bodies)
            print("%-24s %s" % (name, json.dumps(result[name])), file=sys.stderr)
        if shutil.which("wrk"):
            result["requests"] = throughput(server, base, options.seconds)
            print(json.dumps(result["requests"]), file=sys.stderr)
    finally:
        server.stop()
    print(json.dumps(result, indent=None if options.json else 2))


def throughput(server, base, seconds):
    """Requests a second of a cached trending list and of a server that answers nothing, in turns; the best of three each."""
    path = base + "/trending?window=7d&limit=10"
    server.json("GET", path)
    port = free_port()
    empty = subprocess.Popen([RELEASE / "examples" / "empty", "127.0.0.1:%d" % port])
    time.sleep(0.5)
    try:
        rounds = [(requests_a_second(port, "/", seconds), requests_a_second(server.port, path, seconds)) for _ in range(3)]
    finally:
        empty.terminate()
        empty.wait()
    nothing, trending = (max(found) for found in zip(*rounds))
    return {"empty_per_s": round(nothing), "trending_per_s": round(trending), "share": round(trending / nothing, 3)}


if __name__ == "__main__":
    main()

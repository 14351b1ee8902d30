#!/usr/bin/env python3
"""Cold start: time from exec to the first correct search, and the memory it takes.

Starts `alike serve` several times, asks one text search as soon as the port answers, and compares the ids with those of
an exact search on the same server. Prints one JSON object per run and the medians. Standard library only.

    benches/cold_start.py --data store --collection arxiv --text "graph neural networks" [--runs 5] [--drop-caches]

`--drop-caches` (root) empties the page cache before each run: the files are then read from the disk.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(base, collection, body):
    request = urllib.request.Request(
        f"{base}/v1/collections/{collection}/search",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def first_answer(base, collection, body, deadline):
    """Asks until the server listens; a refused connection is the only thing that is retried."""
    while True:
        try:
            return ask(base, collection, body)
        except urllib.error.URLError as error:
            refused = isinstance(error.reason, ConnectionError)
            if not refused or time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def memory(pid):
    """Resident memory in MB: all of it, and the part that is not mapped files."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "RssFile", "VmHWM"):
            fields[name] = int(value.split()[0]) / 1024
    return fields


def run_once(options):
    if options.drop_caches:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    body = {"text": options.text, "limit": 10, "fields": []}
    command = [options.binary, "serve", "--data", options.data, "--listen", f"127.0.0.1:{port}"]
    start = time.monotonic()
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        answer = first_answer(base, options.collection, body, start + 120)
        elapsed = time.monotonic() - start
        after_first = memory(server.pid)
        exact = ask(base, options.collection, body | {"exact": True})
        found = {hit["id"] for hit in answer["hits"]}
        expected = {hit["id"] for hit in exact["hits"]}
        return {
            "seconds": round(elapsed, 4),
            "overlap_with_exact": len(found & expected) / max(len(expected), 1),
            "resident_mb": round(after_first["VmRSS"], 1),
            "anonymous_mb": round(after_first["RssAnon"], 1),
            "mapped_files_mb": round(after_first["RssFile"], 1),
            "peak_mb": round(after_first["VmHWM"], 1),
        }
    finally:
        server.terminate()
        server.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/alike"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--drop-caches", action="store_true")
    options = parser.parse_args()
    runs = [run_once(options) for _ in range(options.runs)]
    for run in runs:
        print(json.dumps(run))
    print(json.dumps({f"median_{key}": statistics.median(run[key] for run in runs) for key in runs[0]}))


if __name__ == "__main__":
    main()

"""The HTTP surface: 64 callers with one short text each, beside bulk encoding of the same texts; and half of that load."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .alike import PLAIN_ERRORS, Failed, texts_file
from .figures import median

CALLERS, LEAST, MOST = 64, 8, 16
ROUNDS, SECONDS, HALF_LOAD_SECONDS = 3, 5, 15
BULK_TEXTS = 4096
READY_SECONDS = 60
REACH = {"share of bulk": 0.85, "p99 by single call": 4.0}


class Server:
    """``alike serve`` with a small collection of its own: a server without one has no model to answer with."""

    def __init__(self, program, library, bundle, variant, work):
        self.program, self.work = program, Path(work)
        self.common = ["--data", str(self.work / "store"), "--model", str(bundle.folder), "--library", str(library)]
        self.environment = os.environ | PLAIN_ERRORS | {"ALIKE__MODEL__VARIANT": variant}
        self.process = None

    def build(self, titles):
        catalog = self.work / "catalog.jsonl"
        rows = ({"id": str(number), "title": title} for number, title in enumerate(titles))
        catalog.write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [self.program, "build", *self.common, "--collection", "texts", "--input", str(catalog)]
        command += ["--id", "id", "--embed", "title"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"alike build: {done.stderr.strip()[-500:]}")

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        with (self.work / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", *self.common, "--listen", self.address],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"alike serve is not ready: {(self.work / 'server.log').read_text()[-500:]}")
            time.sleep(0.1)

    def is_ready(self):
        with contextlib.suppress(urllib.error.URLError, OSError):
            return urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5).status == 200
        return False

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Callers:
    """Runs ``callers``; every run sends texts that none has sent before, as long as there are any."""

    def __init__(self, program, server, texts, model, encoding):
        self.program, self.server, self.model, self.encoding = program, server, model, encoding
        self.path = texts_file(server.work, texts)
        self.count, self.sent, self.repeated = len(texts), 0, 0

    def run(self, callers, seconds, rate=None):
        command = [self.program, self.server.address, self.path, "--callers", callers, "--seconds", seconds]
        command += ["--model", self.model, "--encoding", self.encoding, "--skip", self.sent % self.count]
        command += ["--rate", rate] if rate else []
        before = self.server.cpu_seconds()
        command = [str(word) for word in command]
        done = subprocess.run(command, env=os.environ | PLAIN_ERRORS, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"callers: {done.stderr.strip()[-500:]}")
        found = json.loads(done.stdout)
        self.repeated += found["sent"] - found["distinct"] + max(0, self.sent + found["sent"] - self.count)
        self.sent += found["sent"]
        return found | {"server_cores": (self.server.cpu_seconds() - before) / found["elapsed_s"]}


def measure(server, program, alike, texts, model, encoding):
    """``alike`` encodes in bulk what the callers then send; bulk and callers take turns."""
    callers = Callers(program, server, texts, model, encoding)
    alone = callers.run(1, SECONDS)
    bulk, full = [], []
    for _ in range(ROUNDS):
        bulk.append(alike.bulk(texts[:BULK_TEXTS])["texts_per_s"])
        full.append(callers.run(CALLERS, SECONDS))
    speed = median([one["texts_per_s"] for one in full])
    half = callers.run(CALLERS, HALF_LOAD_SECONDS, rate=speed / 2)
    again = callers.run(1, SECONDS)
    single = min(alone, again, key=lambda one: one["p50_us"])
    return {
        "encoding": encoding,
        "texts": f"{len(texts):,} titles of {LEAST} to {MOST} tokens",
        "bulk_texts_per_s": median(bulk),
        "callers_texts_per_s": speed,
        "share_of_bulk": median([one["texts_per_s"] / other for one, other in zip(full, bulk, strict=True)]),
        "client_cores": median([one["client_cores"] for one in full]),
        "server_cores": median([one["server_cores"] for one in full]),
        "full_p50_us": median([one["p50_us"] for one in full]),
        "full_p99_us": median([one["p99_us"] for one in full]),
        "single_p50_us": single["p50_us"],
        "single_p99_us": single["p99_us"],
        "half_load": half,
        "p99_by_single_call": half["p99_us"] / single["p50_us"],
        "repeated_texts": callers.repeated,
    }

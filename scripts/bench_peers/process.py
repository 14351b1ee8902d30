"""The other end of a worker: starts it, asks it, and turns its death into a reason."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from .peers import ENVIRONMENT

SCRIPTS = Path(__file__).resolve().parents[1]


class Failed(Exception):
    """A worker that gave no answer; the text says why."""


class Worker:
    def __init__(self, spec, log, limit):
        """``limit``: seconds that one answer may take."""
        self.log, self.limit, self.buffer = Path(log), limit, b""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench_peers.worker", json.dumps(spec)],
                cwd=SCRIPTS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | ENVIRONMENT.get(spec["library"], {}),
            )

    def ask(self, command):
        try:
            self.process.stdin.write(f"{command}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.reason()) from None
        return self.answer()

    def answer(self):
        """The next line of JSON."""
        deadline = time.monotonic() + self.limit
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.stop()
                raise Failed(f"no answer within {self.limit:g} s")
            read = os.read(self.process.stdout.fileno(), 1 << 16)
            if not read:
                raise Failed(self.reason())
            self.buffer += read
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def reason(self):
        """Exit status and the last line that it wrote."""
        status = self.process.wait()
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return f"{how}: {lines[-1].strip()[:200]}" if lines else how

    def stop(self):
        """Ends the process if it still runs. May be called again."""
        try:
            self.process.stdin.write(b"quit\n")
            self.process.stdin.close()
            self.process.wait(timeout=5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process.stdout.close()

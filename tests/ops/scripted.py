"""Replicas that do as they are told, to see what nginx makes of each kind of failure."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = 200
HANG_UP = 0


class Script:
    """What to do with each request, in the order they arrive at any replica; afterwards every request is answered."""

    def __init__(self, *steps: int):
        self.steps = list(steps)
        self.seen: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def next(self, request: dict[str, Any]) -> int:
        with self.lock:
            self.seen.append(request)
            return self.steps.pop(0) if self.steps else ANSWER


class Handler(BaseHTTPRequestHandler):
    """Reads the whole request, then answers with the status the script says, or closes the connection."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in one piece.
    wbufsize = 1 << 16
    script: Script

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = {
            "path": self.path,
            "request_id": self.headers["X-Request-Id"],
            "bytes": len(body),
            "caller": self.client_address,
        }
        step = self.script.next(request)
        if step == HANG_UP:
            self.close_connection = True
            return
        self.send_response(step)
        if step in (429, 503):
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ScriptedReplica:
    """One server that follows the script. Closed, its port refuses connections."""

    def __init__(self, script: Script):
        handler = type("ScriptedHandler", (Handler,), {"script": script})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()

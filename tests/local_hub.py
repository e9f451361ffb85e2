"""A hub on this machine: a server that speaks the Hugging Face hub's protocol, and can fail on request.

HEAD and GET of /{repository}/resolve/{revision}/{file}; the answer has the commit, the ETag (the sha256, as
for large files) and the size. X-Error-Code says what is absent.
"""

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has and how it behaves.

    behaviour: "good"; "slow" (no answer in time); "stalls" (the body never comes); "drips" (it comes byte by byte);
    "endless" (more and more of it comes); "truncated" (half of the body sent as if it were all); "altered" (one byte
    changed); a number (that HTTP status for everything).
    """

    files: dict[str, bytes] = field(default_factory=dict)  # by repository/file
    behaviour: str | int = "good"
    recovers_after: int | None = None  # good again after so many answers
    retry_after: str | None = None  # what bad answers say
    etag: str | None = None  # if not the sha256
    sent: int = 0  # bytes of endless bodies
    asked: list[str] = field(default_factory=list)  # method and file of each request
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def mood(self) -> str | int:
        """How the next answer is to be."""
        done = self.recovers_after is not None and len(self.asked) > self.recovers_after
        return "good" if done else self.behaviour


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        match = re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", self.path)
        self.hub.asked.append(f"{self.command} {match[3] if match else self.path}")
        mood = self.hub.mood()
        if mood == "slow":
            self.hub.closing.wait(5)
        if isinstance(mood, int):
            return self._empty(mood)
        if match is None or not any(name.startswith(f"{match[1]}/") for name in self.hub.files):
            return self._empty(404, "RepoNotFound")
        if match[2] not in ("main", COMMIT):
            return self._empty(404, "RevisionNotFound")
        content = self.hub.files.get(f"{match[1]}/{match[3]}")
        return self._empty(404, "EntryNotFound") if content is None else self._send(content, body, mood)

    def _empty(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        if self.hub.retry_after:
            self.send_header("Retry-After", self.hub.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, body: bool, mood: str) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        for name in ("ETag", "X-Linked-ETag"):
            self.send_header(name, f'"{self.hub.etag or hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(content)))
        half, sent = len(content) // 2, content
        if body and mood == "truncated":
            sent = content[:half]
        if body and mood == "altered":
            sent = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
        if body and mood == "endless":
            self.close_connection = True  # where no length is announced, the end of the connection ends the body
        else:
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body and mood == "stalls":
            self.hub.closing.wait(5)
        elif body and mood in ("drips", "endless"):
            with contextlib.suppress(OSError):  # the other side has had enough
                while not self.hub.closing.wait(0.05 if mood == "drips" else 0) and self.hub.sent < 10**8:
                    self.hub.sent += self.wfile.write(b"x" if mood == "drips" else content)
        elif body:
            self.wfile.write(sent)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub at `.url`, on a free port of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True).start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()

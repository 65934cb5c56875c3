"""A local HTTP server that fails on demand: answers that break off, errors, no ranges, changed files."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answers:
    """How one path is answered.

    Attributes:
        content: the file.
        ranges: whether the header Range is heeded.
        conditions: whether the header If-Range is.
        etag: its ETag, with the quotes; "" for none.
        statuses: statuses of the first answers, for example [503, 503]; later ones serve the file.
        break_after: bytes after which the first answers that serve it break off.
        content_length: the length that is announced; None for the true one, -1 for no such header.
        encoding: a Content-Encoding that is announced, though nothing is encoded anew.
        redirect: another URL that is answered instead.
        hold: an event that is awaited before the file is sent.
    """

    content: bytes = b""
    ranges: bool = True
    conditions: bool = True
    etag: str = ""
    statuses: list[int] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    content_length: int | None = None
    encoding: str = ""
    redirect: str = ""
    hold: threading.Event | None = None


class FaultyServer:
    """Serves `answers` by path, 404 for others, and keeps the headers of all requests.

    Attributes:
        url: its root, without a slash at the end.
        answers: by path, with a slash at the start; may be changed at any time.
        requests: path and headers of each request so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Answers] = {}
        self.requests: list[tuple[str, Message]] = []

    def ranges(self, path: str) -> list[str | None]:
        """The header Range of each request for a path, in order."""
        return [headers["Range"] for asked, headers in self.requests if asked == path]


@contextlib.contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Runs a server on a free port of this machine."""

    class Handler(_Handler):
        pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.faulty = FaultyServer(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Handler.faulty
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    faulty: FaultyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.faulty.requests.append((self.path, self.headers))
        answers = self.faulty.answers.get(self.path)
        if answers is None:
            self._empty(404)
        elif answers.statuses:
            self._empty(answers.statuses.pop(0))
        elif answers.redirect:
            self._empty(302, {"Location": answers.redirect})
        else:
            self._serve(answers)

    def _serve(self, answers: Answers) -> None:
        first, size = self._first_byte(answers), len(answers.content)
        if first > 0 and first >= size:
            self._empty(416, {"Content-Range": f"bytes */{size}"})
            return
        body = answers.content[first:]
        length = len(body) if answers.content_length is None else answers.content_length
        self.send_response(206 if first else 200)
        headers = {
            "Content-Range": f"bytes {first}-{size - 1}/{size}" if first else "",
            "Content-Length": str(length) if length >= 0 else "",
            "Content-Encoding": answers.encoding,
            "ETag": answers.etag,
        }
        self._headers(headers)
        if answers.hold is not None:
            answers.hold.wait()
        self.wfile.write(body[: answers.break_after.pop(0)] if answers.break_after else body)

    def _first_byte(self, answers: Answers) -> int:
        """Where the answer begins: at the Range, if that is heeded and If-Range still fits."""
        asked, condition = self.headers["Range"], self.headers["If-Range"]
        if asked is None or not answers.ranges:
            return 0
        if answers.conditions and condition is not None and condition != answers.etag:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self._headers({"Content-Length": "0", **(headers or {})})

    def _headers(self, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the tests' output clean."""

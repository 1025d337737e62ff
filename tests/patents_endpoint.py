"""A local endpoint that speaks the chat-completions protocol and misbehaves as real ones do."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {"sic": "3691", "direction": "enhancing", "technology": ["battery"], "confidence": 0.9}
STALL = 4.0
"""Seconds of a stall; clients under test wait less."""


@dataclass
class Endpoint:
    """What the server does, and what it has seen.

    `misbehave` maps a text to a fault; it is asked again at each request, so that a fault may pass. Only a whole,
    valid answer counts as paid.
    """

    misbehave: Callable[[str], str] = lambda text: ""
    answer: Callable[[str], dict[str, Any]] = lambda text: GOOD
    url: str = ""
    paid: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def every_twentieth() -> Callable[[str], str]:
    """Make five percent of the requests fail, in all the ways there are."""
    count = itertools.count(1)
    kinds = itertools.cycle(
        ["500", "429", "stall", "half body", "half answer", "outside", "drop", "not a completion"]
    )
    return lambda text: "" if next(count) % 20 else next(kinds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise the kernel holds every answer back for 40 ms.
    disable_nagle_algorithm = True
    endpoint: Endpoint

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sent = json.loads(request["messages"][-1]["content"])
        texts = [item["text"] for item in sent] if isinstance(sent, list) else [sent["text"]]
        state = self.endpoint
        with state.lock:
            state.requests.append(request)
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            state.times.append(time.monotonic())
            state.asked.update(texts)
            fault = next(filter(None, map(state.misbehave, texts)), "")
            state.faults.update([fault] if fault else [])
            answers = [dict(state.answer(text)) for text in texts]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._reply(fault, answers, texts, isinstance(sent, list))

    def _reply(self, fault: str, answers: list[dict[str, Any]], texts: list[str], many: bool) -> None:
        status, _, code = fault.partition(" ")
        if status.isdecimal():
            self._send(int(status), {"error": {"message": f"fault for {self.headers['Authorization']}", "code": code or None}},
                       {"Retry-After": "0.05"} if status == "429" and not code else {})  # fmt: skip
            return
        if fault == "stall":
            time.sleep(STALL)
            self.close_connection = True
            return
        if fault == "drip":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(30):
                self.wfile.write(b" ")
                time.sleep(0.05)
            self.close_connection = True
            return
        if fault == "drop":
            self.close_connection = True
            return
        if fault == "outside":
            answers = [answer | {"sic": "9999"} for answer in answers]
        content = json.dumps(
            {"answers": [{"item": i, **a} for i, a in enumerate(answers, 1)]} if many else answers[0]
        )
        if fault == "half answer":
            content = content[: len(content) // 2]
        completion = {
            "id": "x", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }  # fmt: skip
        if fault == "not a completion":
            self._send(200, {"hello": "world"})
        elif fault == "half body":
            self._send_bytes(200, json.dumps(completion).encode()[:120])
        else:
            self._send(200, completion)
            if not fault:
                with self.endpoint.lock:
                    self.endpoint.paid.update(texts)

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), headers or {})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextlib.contextmanager
def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Run the endpoint on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    server = _Server(("127.0.0.1", 0), handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

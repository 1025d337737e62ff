"""One request to an OpenAI-compatible endpoint: pace, time limit, retries, and errors without secrets."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import openai
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from framework.errors import ExacthatError

DEFAULT_ENDPOINT = "https://api.openai.com/v1"
LONGEST_WAIT = 300.0
"""Seconds that an endpoint may ask to wait before the run ends instead."""


class EndpointError(ExacthatError):
    """The endpoint cannot be used: wrong key or model, no credit, out of order."""


class RequestFailed(Exception):
    """One request got no answer, others may; the text is the reason."""


class _Transient(Exception):
    """The same request may succeed later."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Completion:
    """Text of an answer and what it cost."""

    content: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Connection:
    """How to reach a model.

    Attributes
    ----------
    model : str
        The endpoint's name of the model.
    url : str
        Base address, as in ``http://localhost:8000/v1``.
    key_variable : str
        Environment variable with the API key; the key is read when the connection is opened and is kept nowhere
        else. A variable that is not set is an error for OpenAI's endpoint; other endpoints may need no key.
    timeout : float
        Seconds for one request, from sending to the last byte.
    attempts : int
        Requests before an error that may pass (429, 5xx, no answer, broken answer) counts as lasting.
    backoff : float
        Seconds that the first pause is at most; later ones double, up to a minute. An endpoint's Retry-After is obeyed.
    requests_per_minute : float, optional
        Pace that is not exceeded.
    """

    model: str
    url: str = DEFAULT_ENDPOINT
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    attempts: int = 8
    backoff: float = 1.0
    requests_per_minute: float | None = None

    def open(self) -> Endpoint:
        """Return a client, for use in one event loop.

        Raises
        ------
        EndpointError
            No key is set, or the address is not one.
        """
        key = os.environ.get(self.key_variable, "").strip()
        if not key and self.url.rstrip("/") == DEFAULT_ENDPOINT:
            raise EndpointError(
                f"environment variable {self.key_variable} is not set; it must hold the API key."
            )
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise EndpointError(
                f"endpoint '{self.url}' is not an http(s) address such as http://localhost:8000/v1."
            )
        # The client insists on some key; retries are made here, where they share one pace.
        client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=self.url, timeout=self.timeout, max_retries=0
        )
        return Endpoint(self, client, key)


@dataclass
class Endpoint:
    """An open connection. All requests share one pace: when one is told to wait, all wait."""

    connection: Connection
    client: openai.AsyncOpenAI
    key: str = field(repr=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _not_before: float = 0.0

    async def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """Send one request, again if need be, and return the answer.

        Raises
        ------
        RequestFailed
            This request was refused, or got no answer in all attempts.
        EndpointError
            No request can succeed.
        """
        pause = wait_random_exponential(multiplier=self.connection.backoff, max=60)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            told = error.wait if isinstance(error, _Transient) else None
            if told is not None:
                self._not_before = max(self._not_before, time.monotonic() + told)
            return max(told or 0.0, pause(state))

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self.connection.attempts) | stop_when_event_set(self.stopping),  # pyright: ignore[reportArgumentType]
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(self._send, messages, options)
        except _Transient as error:
            raise RequestFailed(f"{error}, {self.connection.attempts} attempts") from None

    async def _sleep(self, seconds: float) -> None:
        """Sleep, or wake early when the run is stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _take_turn(self) -> None:
        """Wait until a request may be sent."""
        while (delay := self._not_before - time.monotonic()) > 0 and not self.stopping.is_set():
            await self._sleep(delay)
        if self.connection.requests_per_minute:
            self._not_before = time.monotonic() + 60 / self.connection.requests_per_minute

    async def _send(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        await self._take_turn()
        if self.stopping.is_set():
            raise RequestFailed("stopped")
        try:
            # The client's own limit starts anew with every byte; this one is for the whole answer.
            async with asyncio.timeout(self.connection.timeout):
                # Options go past the client, which would walk through the long closed lists at every request.
                completion = await self.client.chat.completions.create(
                    model=self.connection.model,
                    messages=messages,  # pyright: ignore[reportArgumentType]
                    extra_body=options,
                )
        except (TimeoutError, openai.APITimeoutError):
            raise _Transient(f"no answer within {self.connection.timeout:g} s") from None
        except openai.APIStatusError as error:
            raise self._explain(error) from None
        except openai.APIConnectionError:
            raise _Transient(f"no connection to {self._place}") from None
        except (openai.APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError):
            raise _Transient("answer is not JSON") from None
        return _read(completion)

    def _explain(self, error: openai.APIStatusError) -> Exception:
        """Return what an HTTP error means for the request and for the run."""
        status, code = error.status_code, str(error.code or "")
        if status in (401, 403):
            return EndpointError(
                f"{self._place} refuses the key in {self.connection.key_variable} (HTTP {status}); set a valid one."
            )
        if status == 404:
            return EndpointError(
                f"{self._place} knows no model '{self.connection.model}' or is no chat endpoint (HTTP 404)."
            )
        if code == "insufficient_quota":
            return EndpointError(f"the account at {self._place} has no credit left (HTTP {status}).")
        if status in (408, 409, 429) or status >= 500:
            told = retry_after(error.response.headers)
            if told is not None and told > LONGEST_WAIT:
                return EndpointError(
                    f"{self._place} asks to wait {told:.0f} s (HTTP {status}); go on after that."
                )
            return _Transient(f"HTTP {status}", told)
        said = self._without_key(str(error.message))[:200]
        return RequestFailed(f"refused with HTTP {status}{f' {code}' if code else ''}: {said}")

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    @property
    def _place(self) -> str:
        """The endpoint's host, without user names or queries that an address may carry."""
        parts = urlsplit(self.connection.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def retry_after(headers: Any) -> float | None:
    """Return the seconds that a Retry-After header asks for; None without a usable one."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _read(completion: Any) -> Completion:
    """Return the text and usage of a completion; the client does not check what compatible endpoints send."""
    try:
        content = completion.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        raise _Transient("answer is not a completion") from None
    usage = getattr(completion, "usage", None)
    counts = (getattr(usage, name, 0) for name in ("prompt_tokens", "completion_tokens"))
    prompt, answer = (count if isinstance(count, int) else 0 for count in counts)
    return Completion(content if isinstance(content, str) else "", prompt, answer)

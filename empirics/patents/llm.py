"""Classification by a language model behind any OpenAI-compatible endpoint.

Texts are untrusted: they are sent as quoted JSON, answers are validated against the codebook's closed lists, and
nothing in an answer is ever acted on. With one text a request (the default), no text can touch the answer for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from empirics.patents.cache import Cache, Entry, key_of
from empirics.patents.classify import Answer
from empirics.patents.codebook import Codebook
from empirics.patents.endpoint import Completion, Connection, EndpointError, RequestFailed
from framework.errors import ExacthatError

FAILURES_IN_A_ROW = 16
"""Requests that fail one after the other, with no answer between them, before the run ends."""


@dataclass(frozen=True)
class Estimate:
    """What a run will ask for.

    Attributes
    ----------
    texts, cached, requests : int
        Different texts to ask about, texts that the cache answers, and requests without repeats.
    prompt_tokens, completion_tokens : int
        Estimated from the length of texts: four characters of ASCII a token, one of other characters.
    """

    texts: int
    cached: int
    requests: int
    prompt_tokens: int
    completion_tokens: int

    def cost(self, prompt_price: float, completion_price: float) -> float:
        """Return the cost, in the currency of the prices, which are for a million tokens."""
        return (self.prompt_tokens * prompt_price + self.completion_tokens * completion_price) / 1e6


@dataclass(frozen=True)
class LanguageModel:
    """Classifier that asks a language model, and asks about each text once.

    Attributes
    ----------
    connection : Connection
        Model, address, limits.
    cache : Cache
        Where answers are kept; a run that is repeated or resumed asks only what is not there.
    batch : int
        Texts in a request. More than one saves tokens of the prompt, but a hostile text may then spoil the
        answers for its neighbours.
    concurrency : int
        Requests at a time.
    asks : int
        Answers that are asked for, in all runs together, before a text without a usable one is unclassified.
    temperature : float or None
        Sent to the model; None leaves it out, for models that refuse it.
    answer_format : {"schema", "json"}
        Whether the endpoint is given the schema of the answer, or only told to answer in JSON.
    """

    connection: Connection
    cache: Cache
    batch: int = 1
    concurrency: int = 8
    asks: int = 3
    temperature: float | None = 0.0
    answer_format: Literal["schema", "json"] = "schema"

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.connection.model

    def estimate(self, texts: Iterable[str], codebook: Codebook) -> Estimate:
        """Return what a run will ask for; nothing is sent."""
        jobs = self._jobs(dict(enumerate(texts)), codebook)
        open_jobs = [job for job in jobs.values() if self._known(job) is None]
        requests = -(-len(open_jobs) // self.batch)
        many = self.batch > 1
        overhead = tokens(codebook.prompt(many)) + (
            tokens(json.dumps(codebook.schema(many))) if self.answer_format == "schema" else 0
        )
        longest = {q.name: max(q.labels, key=len) for q in codebook.questions}
        return Estimate(
            texts=len(open_jobs),
            cached=len(jobs) - len(open_jobs),
            requests=requests,
            prompt_tokens=requests * overhead + sum(tokens(_quoted(job.text)) for job in open_jobs),
            completion_tokens=len(open_jobs)
            * tokens(json.dumps({**longest, "confidence": 0.95, "item": 10})),
        )

    def classify(self, texts: Mapping[str, str], codebook: Codebook) -> Iterator[tuple[str, Answer]]:
        """Yield one answer for the id of every text, cached ones first, then as they arrive.

        Equal texts are asked about once. When the iteration is ended early, by an interrupt for instance, the
        requests in flight are finished and their answers kept before control returns.

        Raises
        ------
        EndpointError
            The endpoint refuses the key or the model, is out of credit, or fails `FAILURES_IN_A_ROW` times in a row.
            Answers received so far are in the cache.
        """
        jobs = self._jobs(texts, codebook)
        waiting = []
        for job in jobs.values():
            known = self._known(job)
            if known is None:
                waiting.append(job)
            else:
                yield from ((name, known) for name in job.names)
        if waiting:
            for job, answer in _Run(self, codebook, waiting):
                yield from ((name, answer) for name in job.names)

    def _jobs(self, texts: Mapping[Any, str], codebook: Codebook) -> dict[str, _Job]:
        """Return what there is to ask, by cache key."""
        many = self.batch > 1
        told = json.dumps(
            [codebook.prompt(many), codebook.schema(many), self.answer_format, self.temperature]
        )
        prompt = hashlib.sha256(told.encode()).hexdigest()
        jobs: dict[str, _Job] = {}
        for name, text in texts.items():
            key = key_of(text, prompt, self.name)
            jobs.setdefault(key, _Job(key, text)).names.append(name)
        return jobs

    def _known(self, job: _Job) -> Answer | None:
        """Return the answer that the cache has; None if there is something to ask."""
        job.entry = self.cache.get(job.key)
        if job.entry.labels is not None:
            return Answer(job.entry.labels, job.entry.confidence)
        return job.unanswered() if job.entry.asks >= self.asks else None


@dataclass
class _Job:
    """One text to ask about, for all the documents that have it."""

    key: str
    text: str
    names: list[Any] = field(default_factory=list)
    entry: Entry = field(default_factory=Entry)

    def unanswered(self) -> Answer:
        return Answer({}, reason=f"{self.entry.asks} answers without a usable one: {self.entry.complaint}")


class _Run:
    """One pass over the jobs: a thread with its own event loop asks, the caller's thread receives.

    A thread, because a notebook has an event loop already and an interrupt must reach the caller at once.
    """

    def __init__(self, model: LanguageModel, codebook: Codebook, jobs: list[_Job]) -> None:
        self._model, self._codebook, self._jobs = model, codebook, jobs
        self._answers: queue.SimpleQueue[tuple[_Job, Answer] | BaseException | None] = queue.SimpleQueue()
        self._endpoint = model.connection.open()
        # Made once: the closed lists make both of them long.
        self._prompt = codebook.prompt(model.batch > 1)
        self._options = _options(model, codebook)
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._failures, self._successes = 0, 0
        self._last_failure = ""
        self._fatal: ExacthatError | None = None

    def __iter__(self) -> Iterator[tuple[_Job, Answer]]:
        thread = threading.Thread(target=self._work, name="language model", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            while (item := self._answers.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            # The loop is closed already if everything was answered.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._endpoint.stopping.set)
            thread.join()

    def _work(self) -> None:
        """Ask everything; the last thing in the queue is the end or the error that ended it."""
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._ready.set()
                runner.run(self._ask_all())
        except BaseException as error:
            self._answers.put(error)
        else:
            self._answers.put(self._fatal)

    async def _ask_all(self) -> None:
        size = self._model.batch
        batches = iter([self._jobs[i : i + size] for i in range(0, len(self._jobs), size)])
        async with self._endpoint.client, asyncio.TaskGroup() as workers:
            for _ in range(self._model.concurrency):
                workers.create_task(self._worker(batches))
        if not self._successes and self._failures:
            self._stop(EndpointError(f"no request was answered; the last reason: {self._last_failure}."))

    async def _worker(self, batches: Iterator[list[_Job]]) -> None:
        for batch in batches:
            if self._endpoint.stopping.is_set():
                return
            try:
                await self._settle(batch)
            except ExacthatError as error:
                self._stop(error)

    async def _settle(self, batch: list[_Job]) -> None:
        """Ask about a batch, and again about each text whose answer is unusable."""
        try:
            unusable = await self._ask(batch)
        except RequestFailed as error:
            # One text that the endpoint refuses must not take its neighbours with it.
            unusable = batch if len(batch) > 1 else self._give_up(batch[0], str(error))
        for job in unusable:
            await self._insist(job)

    async def _insist(self, job: _Job) -> None:
        while job.entry.asks < self._model.asks:
            if self._endpoint.stopping.is_set():
                return
            try:
                if not await self._ask([job]):
                    return
            except RequestFailed as error:
                self._give_up(job, str(error))
                return
        self._answers.put((job, job.unanswered()))

    def _give_up(self, job: _Job, reason: str) -> list[_Job]:
        """List a text as unclassified for this run only; nothing was paid, so the next run asks again."""
        if self._endpoint.stopping.is_set():
            return []
        self._failures += 1
        self._last_failure = reason
        self._answers.put((job, Answer({}, reason=reason)))
        if self._failures >= FAILURES_IN_A_ROW:
            self._stop(
                EndpointError(
                    f"{self._failures} requests in a row failed, the last: {reason}. Answers received so far are in the "
                    "cache; the same run goes on from there."
                )
            )
        return []

    def _stop(self, error: ExacthatError) -> None:
        self._fatal = self._fatal or error
        self._endpoint.stopping.set()

    async def _ask(self, batch: list[_Job]) -> list[_Job]:
        """Send one request; keep the usable answers, and return the jobs without one."""
        many = self._model.batch > 1
        completion = await self._endpoint.complete(_messages(self._prompt, batch, many), self._options)
        self._failures, self._successes = 0, self._successes + 1
        answers = _split(completion.content, len(batch), many)
        unusable = []
        for place, (job, raw) in enumerate(zip(batch, answers, strict=True)):
            job.entry = self._paid(job.entry, raw, _part(completion, place, len(batch)))
            self._model.cache.put(job.key, job.entry, model=self._model.name, codebook=self._codebook.name)
            if job.entry.labels is None:
                unusable.append(job)
            else:
                self._answers.put((job, Answer(job.entry.labels, job.entry.confidence)))
        return unusable

    def _paid(self, entry: Entry, raw: Any, paid: Completion) -> Entry:
        """Return the entry with one more answer in it."""
        labels, confidence, complaint = None, None, ""
        try:
            labels, confidence = self._codebook.read(raw)
        except ValueError as error:
            complaint = str(error)
        return replace(
            entry, labels=labels, confidence=confidence, complaint=complaint, asks=entry.asks + 1,
            prompt_tokens=entry.prompt_tokens + paid.prompt_tokens,
            completion_tokens=entry.completion_tokens + paid.completion_tokens,
        )  # fmt: skip


def tokens(text: str) -> int:
    """Estimate the tokens of a text: four characters of ASCII a token, one of other characters."""
    ascii_characters = sum(map(str.isascii, text))
    return -(-ascii_characters // 4) + len(text) - ascii_characters


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _messages(prompt: str, batch: list[_Job], many: bool) -> list[dict[str, str]]:
    """Return the messages of a request; the closed lists come first, so that endpoints can cache them."""
    asked: Any = {"text": batch[0].text}
    if many:
        asked = [{"item": item, "text": job.text} for item, job in enumerate(batch, start=1)]
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": _quoted(asked)},
    ]
    if len(batch) == 1 and batch[0].entry.complaint:
        again = f"An earlier answer could not be used: {batch[0].entry.complaint}. Use only the form and the labels of the closed lists."
        messages.insert(1, {"role": "system", "content": again})
    return messages


def _options(model: LanguageModel, codebook: Codebook) -> dict[str, Any]:
    """Return what is sent beside the messages."""
    schema = {"name": "answers", "strict": True, "schema": codebook.schema(model.batch > 1)}
    structured = {"type": "json_schema", "json_schema": schema}
    options: dict[str, Any] = {
        "response_format": structured if model.answer_format == "schema" else {"type": "json_object"}
    }
    return options if model.temperature is None else options | {"temperature": model.temperature}


def _split(content: str, n: int, many: bool) -> list[Any]:
    """Return the raw answer for each of n documents; None where there is none, or more than one."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        return [None] * n
    if not many:
        return [raw]
    found: dict[int, list[Any]] = {}
    answers = raw.get("answers") if isinstance(raw, dict) else None
    for answer in answers if isinstance(answers, list) else []:
        if isinstance(answer, dict) and type(item := answer.pop("item", None)) is int:
            found.setdefault(item, []).append(answer)
    return [given[0] if len(given := found.get(item, [])) == 1 else None for item in range(1, n + 1)]


def _part(completion: Completion, place: int, n: int) -> Completion:
    """Return one document's part of the tokens of a request, whole numbers that add up."""
    prompt, answer = (
        count // n + (place < count % n) for count in (completion.prompt_tokens, completion.completion_tokens)
    )
    return replace(completion, prompt_tokens=prompt, completion_tokens=answer)

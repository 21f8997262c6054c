"""SAQ."""

import asyncio
import contextlib
from typing import Any

from saq import Queue, Worker
from system import Functions, Work

# SAQ has no call for many jobs.
IN_FLIGHT = 1000


class SaqProducer:
    def __init__(self, redis_url: str, queue_name: str) -> None:
        self._queue = Queue.from_url(redis_url, name=queue_name)

    async def enqueue_bulk(self, work: Work, count: int) -> None:
        arguments: dict[str, Any] = {"ms": work.ms} if work.task == "sleep" else {"n": 0, "text": work.text}
        for enqueued in range(0, count, IN_FLIGHT):
            length = min(IN_FLIGHT, count - enqueued)
            await asyncio.gather(*(self._queue.enqueue(work.task, **arguments) for _ in range(length)))

    async def enqueue_one(self, work: Work) -> None:
        await self._queue.enqueue("noop", n=0, text=work.text)

    async def round_trip(self) -> None:
        job = await self._queue.enqueue("noop", n=0, text="")
        while not job.completed:
            # The message is lost if the job completes between the look at its state and the subscription.
            with contextlib.suppress(TimeoutError):
                await job.refresh(until_complete=1)

    async def close(self) -> None:
        await self._queue.disconnect()


class SaqConsumer:
    def __init__(self, redis_url: str, queue_name: str, concurrency: int, functions: Functions) -> None:
        async def noop(_context: Any, *, n: int, text: str) -> None:
            await functions.noop()

        async def sleep(_context: Any, *, ms: float) -> None:
            await functions.sleep(ms)

        self._run: asyncio.Task[None] | None = None
        self._queue = Queue.from_url(redis_url, name=queue_name)
        self._worker = Worker(self._queue, functions=[("noop", noop), ("sleep", sleep)], concurrency=concurrency)

    def start(self) -> None:
        self._run = asyncio.create_task(self._worker.start())

    async def close(self) -> None:
        if self._run:
            self._worker.event.set()
            await asyncio.wait([self._run])
        await self._queue.disconnect()


class SaqAdapter:
    async def open_producer(self, redis_url: str, queue_name: str) -> SaqProducer:
        producer = SaqProducer(redis_url, queue_name)
        await producer._queue.connect()
        return producer

    async def open_consumer(
        self, redis_url: str, queue_name: str, concurrency: int, functions: Functions
    ) -> SaqConsumer:
        consumer = SaqConsumer(redis_url, queue_name, concurrency, functions)
        await consumer._queue.connect()
        return consumer


adapter = SaqAdapter()

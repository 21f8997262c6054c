"""streaq for Python, which the queue in this repository shares its design with."""

import asyncio
from contextlib import AsyncExitStack

from streaq import Worker
from system import Functions, Work


class StreaqProducer:
    def __init__(self, redis_url: str, queue_name: str) -> None:
        self._stack = AsyncExitStack()
        self._worker = Worker(redis_url, queue_name=queue_name, handle_signals=False)

        @self._worker.task(name="noop")
        async def noop(n: int, text: str) -> None: ...

        @self._worker.task(name="sleep")
        async def sleep(ms: float) -> None: ...

        self._noop, self._sleep = noop, sleep

    async def connect(self) -> None:
        await self._stack.enter_async_context(self._worker)

    async def enqueue_bulk(self, work: Work, count: int) -> None:
        if work.task == "sleep":
            tasks = [self._sleep.enqueue(work.ms) for _ in range(count)]
        else:
            tasks = [self._noop.enqueue(n, work.text) for n in range(count)]
        await self._worker.enqueue_many(tasks)

    async def enqueue_one(self, work: Work) -> None:
        await self._noop.enqueue(0, work.text)

    async def round_trip(self) -> None:
        task = await self._noop.enqueue(0, "")
        await task.result()

    async def close(self) -> None:
        await self._stack.aclose()


class StreaqConsumer:
    def __init__(self, redis_url: str, queue_name: str, concurrency: int, functions: Functions) -> None:
        self._run: asyncio.Task[None] | None = None
        self._worker = Worker(redis_url, queue_name=queue_name, concurrency=concurrency, handle_signals=False)

        @self._worker.task(name="noop")
        async def noop(n: int, text: str) -> None:
            await functions.noop()

        @self._worker.task(name="sleep")
        async def sleep(ms: float) -> None:
            await functions.sleep(ms)

    def start(self) -> None:
        self._run = asyncio.create_task(self._worker.run_async())

    async def close(self) -> None:
        if self._run:
            self._run.cancel()
            await asyncio.wait([self._run])


class StreaqAdapter:
    async def open_producer(self, redis_url: str, queue_name: str) -> StreaqProducer:
        producer = StreaqProducer(redis_url, queue_name)
        await producer.connect()
        return producer

    async def open_consumer(
        self, redis_url: str, queue_name: str, concurrency: int, functions: Functions
    ) -> StreaqConsumer:
        return StreaqConsumer(redis_url, queue_name, concurrency, functions)


adapter = StreaqAdapter()

"""taskiq with the Redis stream broker, the one that acknowledges."""

import asyncio

from system import Functions, Work
from taskiq.api import run_receiver_task
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

# taskiq has no call for many tasks.
IN_FLIGHT = 1000
# The default of 0.2 seconds would be all that a round trip consists of.
CHECK_INTERVAL = 0.001
# In seconds. The README of taskiq-redis recommends to let results expire.
RESULT_TTL = 600


def broker_of(redis_url: str, queue_name: str) -> RedisStreamBroker:
    broker = RedisStreamBroker(redis_url, queue_name=queue_name)
    return broker.with_result_backend(RedisAsyncResultBackend(redis_url, result_ex_time=RESULT_TTL))


class TaskiqProducer:
    def __init__(self, redis_url: str, queue_name: str) -> None:
        self._broker = broker_of(redis_url, queue_name)

        @self._broker.task(task_name="noop")
        async def noop(n: int, text: str) -> None: ...

        @self._broker.task(task_name="sleep")
        async def sleep(ms: float) -> None: ...

        self._noop, self._sleep = noop, sleep

    async def connect(self) -> None:
        await self._broker.startup()

    async def enqueue_bulk(self, work: Work, count: int) -> None:
        for enqueued in range(0, count, IN_FLIGHT):
            length = min(IN_FLIGHT, count - enqueued)
            await asyncio.gather(*(
                self._sleep.kiq(work.ms) if work.task == "sleep" else self._noop.kiq(0, work.text)
                for _ in range(length)
            ))

    async def enqueue_one(self, work: Work) -> None:
        await self._noop.kiq(0, work.text)

    async def round_trip(self) -> None:
        task = await self._noop.kiq(0, "")
        await task.wait_result(check_interval=CHECK_INTERVAL)

    async def close(self) -> None:
        await self._broker.shutdown()


class TaskiqConsumer:
    def __init__(self, redis_url: str, queue_name: str, concurrency: int, functions: Functions) -> None:
        self._run: asyncio.Task[None] | None = None
        self._broker = broker_of(redis_url, queue_name)
        self._concurrency = concurrency

        @self._broker.task(task_name="noop")
        async def noop(n: int, text: str) -> None:
            await functions.noop()

        @self._broker.task(task_name="sleep")
        async def sleep(ms: float) -> None:
            await functions.sleep(ms)

    def start(self) -> None:
        run = run_receiver_task(self._broker, max_async_tasks=self._concurrency, run_startup=True)
        self._run = asyncio.create_task(run)

    async def close(self) -> None:
        if self._run:
            self._run.cancel()
            await asyncio.wait([self._run])
        await self._broker.shutdown()


class TaskiqAdapter:
    async def open_producer(self, redis_url: str, queue_name: str) -> TaskiqProducer:
        producer = TaskiqProducer(redis_url, queue_name)
        await producer.connect()
        return producer

    async def open_consumer(
        self, redis_url: str, queue_name: str, concurrency: int, functions: Functions
    ) -> TaskiqConsumer:
        return TaskiqConsumer(redis_url, queue_name, concurrency, functions)


adapter = TaskiqAdapter()

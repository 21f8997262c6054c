"""A measured process of a task queue: `side.py <system>`. The counterpart of sides/queue.ts."""

import asyncio
import importlib
import json
import logging
import resource
import sys
import time
from typing import Any

import uvloop
from system import Adapter, Consumer, Functions, Producer, Work

REPLY_MARK = "@reply "


class Side:
    """Answers the calls of the driver, one at a time."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._producer: Producer | None = None
        self._consumer: Consumer | None = None
        self._calls = 0
        self._first_call = 0.0

    async def openProducer(self, redis_url: str, queue_name: str) -> None:
        self._producer = await self._adapter.open_producer(redis_url, queue_name)

    async def openConsumer(self, redis_url: str, queue_name: str, concurrency: int) -> None:
        functions = Functions(noop=self._noop, sleep=self._sleep)
        self._consumer = await self._adapter.open_consumer(redis_url, queue_name, concurrency, functions)
        self._calls, self._first_call = 0, 0.0

    async def close(self) -> None:
        if side := self._producer or self._consumer:
            await side.close()
        self._producer = self._consumer = None

    async def enqueueBulk(self, work: dict[str, Any], count: int, per_call: int) -> float:
        parsed = work_of(work)
        started = time.perf_counter()
        for enqueued in range(0, count, per_call):
            await self._producer.enqueue_bulk(parsed, min(per_call, count - enqueued))
        return (time.perf_counter() - started) * 1000

    async def enqueueEach(self, work: dict[str, Any], count: int, in_flight: int) -> float:
        parsed = work_of(work)
        started = time.perf_counter()
        if in_flight == 1:
            for _ in range(count):
                await self._producer.enqueue_one(parsed)
        else:
            for enqueued in range(0, count, in_flight):
                length = min(in_flight, count - enqueued)
                await asyncio.gather(*(self._producer.enqueue_one(parsed) for _ in range(length)))
        return (time.perf_counter() - started) * 1000

    async def roundTrips(self, count: int, in_flight: int, max_ms: float) -> list[float]:
        times: list[float] = []
        begun = 0
        end = time.perf_counter() + max_ms / 1000

        async def repeat() -> None:
            nonlocal begun
            while begun < count and time.perf_counter() < end:
                begun += 1
                started = time.perf_counter()
                await self._producer.round_trip()
                times.append((time.perf_counter() - started) * 1000)

        await asyncio.gather(*(repeat() for _ in range(in_flight)))
        return times

    async def start(self) -> None:
        self._consumer.start()

    async def usage(self) -> dict[str, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {"cpuMs": (used.ru_utime + used.ru_stime) * 1000, "calls": self._calls, "firstCall": self._first_call}

    async def _noop(self) -> None:
        self._count_call()

    async def _sleep(self, ms: float) -> None:
        self._count_call()
        await asyncio.sleep(ms / 1000)

    def _count_call(self) -> None:
        self._calls += 1
        if self._calls == 1:
            self._first_call = time.time() * 1000


def work_of(work: dict[str, Any]) -> Work:
    return Work(task=work["task"], ms=work.get("ms", 0), text="x" * work.get("size", 0))


async def main() -> None:
    adapter = importlib.import_module(sys.argv[1].replace("-", "_") + "_adapter").adapter
    side = Side(adapter)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        try:
            reply = {"answer": await getattr(side, request["call"])(*request["args"])}
        except Exception as error:
            logging.exception("The call failed")
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(REPLY_MARK + json.dumps(reply), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    uvloop.run(main())

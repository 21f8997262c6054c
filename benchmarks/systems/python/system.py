"""What a system in Python offers to side.py: the counterpart of systems/system.ts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Work:
    """The tasks to enqueue: which function they call, and with which arguments."""

    task: str
    ms: float
    text: str


class Producer(Protocol):
    async def enqueue_bulk(self, work: Work, count: int) -> None: ...

    async def enqueue_one(self, work: Work) -> None: ...

    async def round_trip(self) -> None: ...

    async def close(self) -> None: ...


class Consumer(Protocol):
    def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Functions:
    """The bodies of the tasks, the same for every system."""

    noop: Callable[[], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]]


class Adapter(Protocol):
    async def open_producer(self, redis_url: str, queue_name: str) -> Producer: ...

    async def open_consumer(
        self, redis_url: str, queue_name: str, concurrency: int, functions: Functions
    ) -> Consumer: ...

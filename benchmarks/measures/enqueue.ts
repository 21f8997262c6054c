import { type Cell, costBetween } from "../run/cell.ts";
import { count as integer, digits } from "../report/format.ts";
import { systems } from "../systems/registry.ts";
import type { Column, Measure, Part, Values } from "./measure.ts";
import { PER_CALL, timeOf } from "./queue.ts";
import type { Scale } from "./scale.ts";

/** How many calls are in flight where each is not awaited. */
const IN_FLIGHT = 1000;

const columns: readonly Column[] = [
  { key: "rate", label: "tasks/s", format: integer, main: true },
  { key: "producer", label: "producer µs", format: digits },
  { key: "redis", label: "Redis µs", format: digits },
  { key: "commands", label: "commands", format: digits },
  { key: "bytesIn", label: "bytes to Redis", format: integer },
];

type Way = "bulk" | "pipelined" | "awaited";

const titles: Readonly<Record<Way, string>> = {
  bulk: "in bulk",
  pipelined: "one at a time, pipelined",
  awaited: "one at a time, each awaited",
};

/** Enqueuing no-op tasks while no worker runs. */
export function enqueue({ tasks, warmUp }: Scale): Measure {
  const part = (way: Way, count: number): Part => ({
    name: way,
    key: `${way}-${count}`,
    tables: [{ title: `${integer(count)} tasks ${titles[way]}`, columns }],
    run: (cell) => run(cell, way, count, warmUp),
  });
  return {
    name: "enqueue",
    title: "Enqueue",
    text:
      `One process enqueues no-op tasks while no worker runs. **In bulk**: with the system's call for many tasks, ` +
      `${integer(PER_CALL)} in each call; **pipelined**: with its call for one task, ${integer(IN_FLIGHT)} calls in ` +
      `flight; **each awaited**: one call after another. Costs are per task.`,
    kind: "queue",
    subjects: systems,
    parts: [
      ...tasks.map((count) => part("bulk", count)),
      ...tasks.map((count) => part("pipelined", count)),
      // The rate does not depend on the number, so the smallest is enough.
      part("awaited", Math.min(...tasks)),
    ],
    baseline: "bullmq",
  };
}

async function run(cell: Cell, way: Way, count: number, warmUp: number): Promise<Values> {
  const producer = cell.side("producer");
  const work = { task: "noop" } as const;
  const enqueueTasks = (count: number): Promise<number> => {
    if (way === "bulk") return producer.call("enqueueBulk", work, count, PER_CALL);
    return producer.call("enqueueEach", work, count, way === "pipelined" ? IN_FLIGHT : 1);
  };
  await cell.clear();
  await producer.call("openProducer", cell.redisUrl, "warm-up");
  await enqueueTasks(warmUp);
  await producer.call("close");
  await cell.clear();
  await producer.call("openProducer", cell.redisUrl, "bench");
  const before = await cell.read();
  const ms = await cell.observe(() => enqueueTasks(count));
  const cost = costBetween(before, await cell.read());
  await producer.call("close");
  return {
    rate: count / ms * 1000,
    producer: timeOf("producer", cost, count),
    redis: timeOf("redis", cost, count),
    commands: cost.commands / count,
    bytesIn: cost.bytesIn / count,
  };
}

/** The life of tasks in a queue, which most measures have in common. */
import { type Cell, type Cost, costBetween, peakMemory } from "../run/cell.ts";
import type { Subject } from "../run/subject.ts";
import { systems } from "../systems/registry.ts";
import type { System, Work } from "../systems/system.ts";

/** How many tasks a worker runs at once. */
export const CONCURRENCY = 32;
/** How many tasks are enqueued with one call. */
export const PER_CALL = 10_000;

/** The tasks of a drain, and the workers that run them. */
export interface DrainOptions {
  readonly work: Work;
  readonly count: number;
  /** @default {1} */
  readonly workers?: number;
  /** Of each worker. @default {CONCURRENCY} */
  readonly concurrency?: number;
  /** @default {"bench"} */
  readonly queueName?: string;
}

/** The costs of enqueuing tasks in bulk and of draining them. */
export interface Drain {
  readonly enqueueMs: number;
  /** From the first call of a task until all results were stored. */
  readonly drainMs: number;
  /** The same from the start of the workers, and so with the connections that they open and the first tasks they read. */
  readonly drainFromStartMs: number;
  readonly enqueueCost: Cost;
  readonly drainCost: Cost;
  /** Of the worker, or the first of several, in bytes. */
  readonly peakMemory: number;
}

export function systemOf({ name, runtime }: Subject): System {
  return systems.find((system) => system.name === name && system.runtime === runtime)!;
}

/** Enqueues tasks in bulk while no worker runs, then starts the workers and waits until all tasks are complete. */
export async function drain(cell: Cell, system: System, options: DrainOptions): Promise<Drain> {
  const { work, count, workers = 1, concurrency = CONCURRENCY, queueName = "bench" } = options;
  await cell.clear();
  const producer = cell.side("producer");
  const consumers = workerNames(workers).map((name) => cell.side(name));
  await producer.call("openProducer", cell.redisUrl, queueName);
  for (const consumer of consumers) await consumer.call("openConsumer", cell.redisUrl, queueName, concurrency);

  const before = await cell.read();
  const enqueueMs = await cell.observe(() => producer.call("enqueueBulk", work, count, PER_CALL));
  const enqueued = await cell.read();
  const start = Date.now();
  const end = await cell.observe(async () => {
    for (const consumer of consumers) await consumer.call("start");
    return await cell.waitForTotal(count, () => system.countComplete(cell.redis, queueName, count));
  });
  const drained = await cell.read();

  const usages = workerNames(workers).map((name) => drained.sides.get(name)!);
  const calls = usages.reduce((sum, { calls }) => sum + calls, 0);
  if (calls < count) throw new Error(`Only ${calls} of ${count} tasks were called, though all were completed`);
  const peak = peakMemory(consumers[0]!);
  for (const consumer of consumers) await consumer.call("close");
  await producer.call("close");
  return {
    enqueueMs,
    drainMs: end - Math.min(...usages.map(({ firstCall }) => firstCall).filter((at) => at > 0)),
    drainFromStartMs: end - start,
    enqueueCost: costBetween(before, enqueued),
    drainCost: costBetween(enqueued, drained),
    peakMemory: peak,
  };
}

/** Lets the processes handle some tasks first, so that their code is compiled when they are measured. */
export async function warmUp(cell: Cell, system: System, count: number, workers = 1): Promise<void> {
  await drain(cell, system, { work: { task: "noop" }, count, workers, queueName: "warm-up" });
}

/** Returns the names of the processes of workers. */
export function workerNames(workers: number): string[] {
  return Array.from({ length: workers }, (_, n) => `worker-${n + 1}`);
}

/** Returns the processor time of all workers, in microseconds a task. */
export function workerTime({ cpuMs }: Cost, count: number): number {
  const total = Object.entries(cpuMs).reduce((sum, [name, ms]) => name.startsWith("worker") ? sum + ms : sum, 0);
  return total / count * 1000;
}

/** Returns the processor time of `redis` or the producer, in microseconds a task. */
export function timeOf(name: "redis" | "producer", { cpuMs }: Cost, count: number): number {
  return (cpuMs[name] ?? NaN) / count * 1000;
}

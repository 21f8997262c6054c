import { count as integer, digits, mebibytes } from "../report/format.ts";
import { systems } from "../systems/registry.ts";
import type { Column, Measure, Part } from "./measure.ts";
import { CONCURRENCY, drain as drainTasks, systemOf, timeOf, warmUp, workerTime } from "./queue.ts";
import type { Scale } from "./scale.ts";

const drainColumns: readonly Column[] = [
  { key: "rate", label: "tasks/s", format: integer, main: true },
  { key: "worker", label: "worker µs", format: digits },
  { key: "redis", label: "Redis µs", format: digits },
  { key: "peak", label: "peak memory of a worker, MiB", format: mebibytes },
];

const lifeColumns: readonly Column[] = [
  { key: "cpu", label: "all processes, µs", format: digits, main: true },
  { key: "lifeProducer", label: "producer µs", format: digits },
  { key: "worker", label: "worker µs", format: digits },
  { key: "lifeRedis", label: "Redis µs", format: digits },
  { key: "commands", label: "commands", format: digits },
  { key: "bytesIn", label: "bytes to Redis", format: integer },
  { key: "bytesOut", label: "bytes from Redis", format: integer },
  { key: "memory", label: "bytes kept in Redis", format: integer },
];

/** Draining a queue of no-op tasks, with `workers` worker processes. */
export function drain({ tasks, warmUp: warmUpTasks }: Scale, workers: 1 | 2): Measure {
  const name = workers === 1 ? "drain" : "drain-2";
  const part = (count: number): Part => ({
    name,
    key: `${name}-${count}`,
    tables: [
      { title: `${integer(count)} tasks, ${workers === 1 ? "one worker" : "two workers"}`, columns: drainColumns },
      ...workers === 1
        ? [{ title: `${integer(count)} tasks, from enqueuing to completion`, columns: lifeColumns }]
        : [],
    ],
    async run(cell, subject) {
      const system = systemOf(subject);
      await warmUp(cell, system, warmUpTasks, workers);
      const { drainMs, enqueueCost, drainCost, peakMemory } = await drainTasks(cell, system, {
        work: { task: "noop" },
        count,
        workers,
      });
      const worker = workerTime(drainCost, count);
      const producer = timeOf("producer", enqueueCost, count);
      const redis = timeOf("redis", enqueueCost, count) + timeOf("redis", drainCost, count);
      return {
        rate: count / drainMs * 1000,
        worker,
        redis: timeOf("redis", drainCost, count),
        peak: peakMemory,
        cpu: worker + producer + redis,
        lifeProducer: producer,
        lifeRedis: redis,
        commands: (enqueueCost.commands + drainCost.commands) / count,
        bytesIn: (enqueueCost.bytesIn + drainCost.bytesIn) / count,
        bytesOut: (enqueueCost.bytesOut + drainCost.bytesOut) / count,
        memory: (enqueueCost.memory + drainCost.memory) / count,
      };
    },
  });
  return {
    name,
    title: workers === 1 ? "Drain" : "Drain with two workers",
    text: workers === 1
      ? `The queue holds no-op tasks, then one worker process starts, with ${CONCURRENCY} slots. The time runs from the ` +
        `first call of a task until the results of all are stored in Redis, which is asked for their number. Costs are ` +
        `per task. The second table adds what it took to enqueue the tasks in bulk; "kept" is what a complete task ` +
        `leaves behind until its result expires, if it does.`
      : `The same with two worker processes of ${CONCURRENCY} slots each. Costs are those of both.`,
    kind: "queue",
    subjects: systems,
    parts: tasks.map(part),
    baseline: "bullmq",
  };
}

import { count as integer, digits, mebibytes } from "../report/format.ts";
import { systems } from "../systems/registry.ts";
import type { Measure, Part } from "./measure.ts";
import { drain, systemOf, timeOf, warmUp, workerTime } from "./queue.ts";
import type { Scale } from "./scale.ts";

/** The cost of a task in ever longer queues, of streaq alone. */
export function growth({ growth, warmUp: warmUpTasks }: Scale): Measure {
  const parts = growth.map((count): Part => ({
    name: "growth",
    key: `growth-${count}`,
    tables: [{
      title: `${integer(count)} tasks`,
      columns: [
        { key: "enqueue", label: "enqueued/s", format: integer, main: true },
        { key: "drain", label: "drained/s", format: integer, main: true },
        { key: "producer", label: "producer µs", format: digits },
        { key: "worker", label: "worker µs", format: digits },
        { key: "redis", label: "Redis µs", format: digits },
        { key: "memory", label: "bytes kept in Redis", format: integer },
        { key: "peak", label: "peak memory of the worker, MiB", format: mebibytes },
      ],
    }],
    async run(cell, subject) {
      const system = systemOf(subject);
      await warmUp(cell, system, warmUpTasks);
      const { enqueueMs, drainMs, enqueueCost, drainCost, peakMemory } = await drain(cell, system, {
        work: { task: "noop" },
        count,
      });
      return {
        enqueue: count / enqueueMs * 1000,
        drain: count / drainMs * 1000,
        producer: timeOf("producer", enqueueCost, count),
        worker: workerTime(drainCost, count),
        redis: timeOf("redis", enqueueCost, count) + timeOf("redis", drainCost, count),
        memory: (enqueueCost.memory + drainCost.memory) / count,
        peak: peakMemory,
      };
    },
  }));
  return {
    name: "growth",
    title: "Growth",
    text:
      "streaq alone: ever more no-op tasks, enqueued in bulk, then drained by one worker. Costs are per task, those of " +
      "Redis for enqueuing and draining together.",
    kind: "queue",
    subjects: systems.filter(({ name, runtime }) => name === "streaq" && runtime === "node"),
    parts,
    layout: "parts",
    baseline: "",
    maxRounds: 3,
  };
}

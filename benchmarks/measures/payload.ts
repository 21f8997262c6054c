import { count as integer, digits, mebibytes } from "../report/format.ts";
import { systems } from "../systems/registry.ts";
import type { Measure, Part } from "./measure.ts";
import { drain, systemOf, timeOf, warmUp, workerTime } from "./queue.ts";
import type { Scale } from "./scale.ts";

/** Tasks with large arguments. */
export function payload({ payloads, warmUp: warmUpTasks }: Scale): Measure {
  const parts = payloads.map(({ name, size, tasks }): Part => ({
    name,
    key: name,
    tables: [{
      title: `${integer(tasks)} tasks with ${name.replace(/(\d)([KM])/, "$1 $2")} each`,
      columns: [
        { key: "enqueue", label: "enqueued/s", format: digits, main: true },
        { key: "drain", label: "drained/s", format: digits, main: true },
        { key: "producer", label: "producer µs", format: integer },
        { key: "worker", label: "worker µs", format: integer },
        { key: "redis", label: "Redis µs", format: integer },
        { key: "peak", label: "peak memory of the worker, MiB", format: mebibytes },
      ],
    }],
    async run(cell, subject) {
      const system = systemOf(subject);
      await warmUp(cell, system, warmUpTasks);
      const { enqueueMs, drainFromStartMs, enqueueCost, drainCost, peakMemory } = await drain(cell, system, {
        work: { task: "noop", size },
        count: tasks,
      });
      return {
        enqueue: tasks / enqueueMs * 1000,
        drain: tasks / drainFromStartMs * 1000,
        producer: timeOf("producer", enqueueCost, tasks),
        worker: workerTime(drainCost, tasks),
        redis: timeOf("redis", enqueueCost, tasks) + timeOf("redis", drainCost, tasks),
        peak: peakMemory,
      };
    },
  }));
  return {
    name: "payload",
    title: "Large arguments",
    text: "No-op tasks whose argument is a text of this length, enqueued in bulk, then drained by one worker. The " +
      "time to drain includes the start of the worker, since some read all tasks before they call the first. Costs are " +
      "per task, those of Redis for enqueuing and draining together.",
    kind: "queue",
    subjects: systems,
    parts,
    baseline: "bullmq",
  };
}

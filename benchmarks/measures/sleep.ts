import { count as integer, digits, mebibytes } from "../report/format.ts";
import { systems } from "../systems/registry.ts";
import type { Measure } from "./measure.ts";
import { drain, systemOf, timeOf, warmUp, workerTime } from "./queue.ts";
import type { Scale } from "./scale.ts";

/** Tasks that wait, all at the same time. */
export function sleep({ sleepers, sleepMs, warmUp: warmUpTasks }: Scale): Measure {
  return {
    name: "sleep",
    title: "Sleeping tasks",
    text:
      `${integer(sleepers)} tasks that sleep for ${integer(sleepMs)} ms, run by one worker with as many slots. With ` +
      `no overhead at all, the last result would be stored ${
        integer(sleepMs)
      } ms after the first call. Costs are per task.`,
    kind: "queue",
    subjects: systems,
    parts: [{
      name: "sleep",
      key: "sleep",
      tables: [{
        title: `${integer(sleepers)} tasks at once`,
        columns: [
          { key: "overhead", label: "ms beyond the sleep", format: digits, main: true },
          { key: "worker", label: "worker µs", format: digits },
          { key: "redis", label: "Redis µs", format: digits },
          { key: "peak", label: "peak memory of the worker, MiB", format: mebibytes },
        ],
      }],
      async run(cell, subject) {
        const system = systemOf(subject);
        await warmUp(cell, system, warmUpTasks);
        const { drainMs, drainCost, peakMemory } = await drain(cell, system, {
          work: { task: "sleep", ms: sleepMs },
          count: sleepers,
          concurrency: sleepers,
        });
        return {
          overhead: drainMs - sleepMs,
          worker: workerTime(drainCost, sleepers),
          redis: timeOf("redis", drainCost, sleepers),
          peak: peakMemory,
        };
      },
    }],
    baseline: "bullmq",
  };
}

import { Keys } from "../../src/broker/redis/keys.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import type { StartedRedis } from "../queue/brokers.ts";
import type { Stage } from "../queue/stage.ts";

/** How long a test waits for one result. */
export const timeout = "20s";

/** Makes a worker that has registered a task that succeeds and one that fails. */
export async function setUp(stage: Stage<StartedRedis>, options: WorkerOptions<undefined> = {}) {
  const worker = await stage.worker({ idleTimeout: 1000, ...options });
  return {
    worker,
    redis: worker.redis,
    keys: new Keys(worker.queueName),
    ok: worker.task((n: number) => n, { name: "ok" }),
    bad: worker.task((): number => {
      throw new RangeError("bad");
    }, { name: "bad" }),
  };
}

/** Enqueues a number of tasks that depend on one task. */
export async function enqueueDependents(
  { worker, ok }: Awaited<ReturnType<typeof setUp>>,
  after: string,
  count: number,
): Promise<Task<number>[]> {
  return await worker.enqueueMany(Array.from({ length: count }, (_, n) => ok.enqueue(n).start({ after })));
}

/** Waits for tasks; returns the value of each, or the message of its error. */
export async function outcomesOf(tasks: readonly Task<number>[]): Promise<(number | string)[]> {
  return await Promise.all(tasks.map(outcomeOf));
}

/** Waits for a task; returns its value, or the message of its error, without its own id if a dependency failed. */
export async function outcomeOf(task: Task<number>): Promise<number | string> {
  const result = await task.result({ timeout });
  return result.success ? result.result : result.exception.message.replace(/^Task .* was not run: /, "");
}

/** The outcomes of dependents that {@linkcode enqueueDependents} has enqueued, after a task with a given outcome. */
export function dependentOutcomes(id: string, success: boolean, count: number): (number | string)[] {
  return Array.from({ length: count }, (_, n) => success ? n : failureOf(id));
}

/** The outcome of a task because a dependency has failed. */
export function failureOf(id: string): string {
  return `task ${id}, on which it depends, failed`;
}

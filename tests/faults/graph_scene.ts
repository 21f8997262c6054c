import { Keys } from "../../src/broker/redis/keys.ts";
import type { Task } from "../../src/queue/enqueue/task.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import type { StartedRedis } from "../queue/brokers.ts";
import type { Stage } from "../queue/stage.ts";

/** For how long a task is waited for. */
export const timeout = "20s";

/** A worker that knows a task that succeeds and one that fails. */
export async function setUp(stage: Stage<StartedRedis>, options: WorkerOptions<undefined> = {}) {
  const worker = await stage.worker({ idleTimeout: 1000, ...options });
  return {
    worker,
    redis: worker.redis,
    keys: new Keys(worker.queueName),
    ok: worker.task(async (n: number) => await Promise.resolve(n), { name: "ok" }),
    bad: worker.task(async (): Promise<number> => await Promise.reject(new RangeError("bad")), { name: "bad" }),
  };
}

/** So many tasks that depend on one. */
export async function dependents({ worker, ok }: Awaited<ReturnType<typeof setUp>>, after: string, count: number) {
  return await worker.enqueueMany(Array.from({ length: count }, (_, n) => ok.enqueue(n).start({ after })));
}

/** What the tasks have ended with: values, or messages of errors. */
export async function ends(tasks: readonly Task<number>[]): Promise<(number | string)[]> {
  const results = await Promise.all(tasks.map((task) => task.result({ timeout })));
  return results.map((result) => {
    return result.success ? result.result : result.exception.message.replace(/^Task .* was not run: /, "");
  });
}

/** What each of the tasks is to end with when another one has ended. */
export function expected(id: string, success: boolean, count: number): (number | string)[] {
  return Array.from({ length: count }, (_, n) => success ? n : blaming(id));
}

/** What a task ends with that depends on one that has failed. */
export function blaming(id: string): string {
  return `task ${id}, on which it depends, failed`;
}

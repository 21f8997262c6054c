import { taskContext, type Worker } from "@q/streaq";
import { Keys } from "../../src/broker/redis/keys.ts";

/** A task that fails. Of tasks that fail at the same time, the one with the greater id is listed first. */
interface FailingTask {
  readonly id: string;
  readonly name?: string;
  readonly error?: Error;
  readonly args?: readonly unknown[];
  /** Tasks that fail with it, by their ids. */
  readonly dependents?: readonly string[];
}

/** Lets tasks fail, one after the other. */
export async function fail(worker: Worker, ...tasks: readonly FailingTask[]): Promise<void> {
  for (const { id, name = "charge", error = new Error("failed"), args = [], dependents = [] } of tasks) {
    errors.set(id, error);
    const task = worker.registry.get(name) ?? worker.task(name, failing, { silent: true });
    await task.enqueue(...args).start({ id });
    for (const dependent of dependents) await task.enqueue().start({ id: dependent, after: id });
    await worker.drain();
  }
}

/** The errors of tasks, by id. A task without one succeeds. */
const errors = new Map<string, Error>();

function failing(..._args: unknown[]): void {
  const error = errors.get(taskContext().taskId);
  if (error) throw error;
}

/** Lets a task succeed from now on. */
export function mend(id: string): void {
  errors.delete(id);
}

/** Changes when a task has failed. */
export async function antedate(worker: Worker, id: string, time: number): Promise<void> {
  await worker.redis.command(["ZADD", new Keys(worker.queueName).failures, time, id]);
}

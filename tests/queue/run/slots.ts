import type { Worker } from "../../../src/queue/worker.ts";
import { sleep } from "../stage.ts";

/**
 * Registers a task, and returns a function that counts the free slots of the running worker: how many of 20 runs of that
 * task overlap at most. A slot that is taken stays so for all of them.
 */
export function slotCounter(worker: Worker): () => Promise<number> {
  let [running, most] = [0, 0];
  const probe = worker.task(async () => {
    most = Math.max(most, ++running);
    await sleep(1);
    running--;
  }, { name: "probe", silent: true });
  return async () => {
    most = 0;
    const tasks = await worker.enqueueMany(Array.from({ length: 20 }, () => probe.enqueue()));
    await Promise.all(tasks.map((task) => task.result()));
    return most;
  };
}

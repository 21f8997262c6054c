import { after } from "node:test";
import { TestClock } from "../../../src/base/test_clock.ts";
import type { WorkerOptions } from "../../../src/queue/options/worker_options.ts";
import { Worker } from "../../../src/queue/worker.ts";
import { Lines } from "../stage.ts";

/** Returns a function that makes workers with a TestClock; they are closed after the last test of the file. */
export function clockedWorkers() {
  const workers: Worker[] = [];
  after(async () => {
    await Promise.all(workers.map((worker) => worker.close()));
  });

  /** Makes a worker with its own clock, and a task that records when it runs. */
  return function setUp(now = "2027-03-27T12:00:00Z", options: WorkerOptions<undefined> = {}) {
    const clock = new TestClock({ now: new Date(now) });
    const logger = new Lines();
    const worker = new Worker({ redisUrl: "memory://", clock, logger, handleSignals: false, ...options });
    workers.push(worker);
    const times: string[] = [];
    const note = worker.task(function note(): void {
      times.push(new Date(clock.now()).toISOString());
    });
    return { clock, worker, note, times };
  };
}

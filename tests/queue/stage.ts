import { after } from "node:test";
import type { Logger } from "../../src/base/log.ts";
import { Worker } from "../../src/queue/worker.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import { eventually } from "../support/poll.ts";
import type { BrokerUnderTest, StartedBroker } from "./brokers.ts";

/** A logger that keeps its lines, each with its level in front. */
export class Lines implements Logger {
  readonly all: string[] = [];
  debug = (line: string): void => void this.all.push(`debug ${line}`);
  info = (line: string): void => void this.all.push(`info ${line}`);
  warn = (line: string): void => void this.all.push(`warn ${line}`);
  error = (line: string): void => void this.all.push(`error ${line}`);

  /** The warnings and errors. */
  get problems(): string[] {
    return this.all.filter((line) => line.startsWith("warn ") || line.startsWith("error "));
  }

  /** The lines that contain a text. */
  with(text: string): string[] {
    return this.all.filter((line) => line.includes(text));
  }
}

/** The fixture of a suite: one broker, and workers that are closed with it after the last test. */
export class Stage<B extends StartedBroker = StartedBroker> {
  readonly #underTest: BrokerUnderTest<B>;
  #broker: Promise<B> | undefined;
  readonly #workers: Worker<unknown>[] = [];
  #queues = 0;

  constructor(broker: BrokerUnderTest<B>) {
    this.#underTest = broker;
    after(async () => {
      await Promise.all(this.#workers.map((worker) => worker.close()));
      await (await this.#broker)?.stop();
    });
  }

  /** The broker, started at its first use. */
  get broker(): Promise<B> {
    return this.#broker ??= this.#underTest.start();
  }

  /** Returns the name of a queue that no other test uses. */
  newQueue(): string {
    return `queue-${this.#queues++}`;
  }

  /** Makes a worker of a new queue that keeps its log lines and handles no signals, unless `options` say otherwise. */
  async worker<C = undefined>(options: WorkerOptions<C> = {}): Promise<Worker<C>> {
    const worker = new Worker<C>({
      ...(options.redis === undefined ? (await this.broker).options as WorkerOptions<never> : {}),
      queueName: this.newQueue(),
      handleSignals: false,
      gracePeriod: 0,
      logger: new Lines(),
      ...options,
    });
    this.#workers.push(worker as Worker<unknown>);
    return worker;
  }

  /** Checks, after the last task, that a worker's queue has left nothing behind but results. */
  async assertClean(worker: Worker<unknown>): Promise<void> {
    await (await this.broker).assertClean(worker);
  }
}

/** Runs a worker in the background. `stop()` shuts it down, and rejects if the run failed. */
export function running(worker: Worker<unknown>): { stop(): Promise<void> } {
  const controller = new AbortController();
  const finished = worker.run({ signal: controller.signal });
  finished.catch(() => {});
  return {
    stop: async () => {
      controller.abort();
      await finished;
    },
  };
}

/**
 * Waits until a running worker receives events, like the abort of a task that it runs. It uses one connection for them
 * and for results, and subscribes to events first.
 */
export async function receivesEvents(worker: Worker): Promise<void> {
  let hasRun = false;
  const ready = worker.task(() => void (hasRun = true), { name: "ready", silent: true });
  const task = await ready.enqueue();
  await eventually(() => hasRun);
  await task.result();
}

/**
 * Waits until the system clock has passed a time in Unix milliseconds, for tasks that become due or expire then. A clock
 * that has passed it stays past it, so such a wait is long enough on a busy machine too.
 */
export async function clockPasses(time: number): Promise<void> {
  const timeout = Math.max(0, time - Date.now()) + 5000;
  await eventually(() => Date.now() > time, { timeout, message: `the clock passes ${new Date(time).toISOString()}` });
}

/** Waits for the next turn of the event loop. By then the runtime has reported earlier unhandled rejections. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Rejects with the reason of a signal as soon as it is aborted: the work of a function that only an abort finishes. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Waits for a fixed time: the work of a task, never the wait for an event. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

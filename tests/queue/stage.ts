import { after } from "node:test";
import type { Logger } from "../../src/base/log.ts";
import { Worker } from "../../src/queue/worker.ts";
import type { WorkerOptions } from "../../src/queue/options/worker_options.ts";
import type { BrokerUnderTest, StartedBroker } from "./brokers.ts";

/** A logger that keeps what it is told, for tests that ask. */
export class Lines implements Logger {
  readonly all: string[] = [];
  debug = (line: string): void => void this.all.push(`debug ${line}`);
  info = (line: string): void => void this.all.push(`info ${line}`);
  warn = (line: string): void => void this.all.push(`warn ${line}`);
  error = (line: string): void => void this.all.push(`error ${line}`);

  /** The lines that hold a text. */
  with(text: string): string[] {
    return this.all.filter((line) => line.includes(text));
  }
}

/** A broker, and workers that are closed when the tests around it are over. Each queue has a name of its own. */
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

  /** The broker, started when it is first asked for. */
  get broker(): Promise<B> {
    return this.#broker ??= this.#underTest.start();
  }

  /** A name that no other test uses. */
  newQueue(): string {
    return `queue-${this.#queues++}`;
  }

  /** A worker that is quiet, leaves signals alone and belongs to a queue of its own unless told otherwise. */
  async worker<C = undefined>(options: WorkerOptions<C> = {}): Promise<Worker<C>> {
    const worker = new Worker<C>({
      ...(await this.broker).options as WorkerOptions<never>,
      queueName: this.newQueue(),
      handleSignals: false,
      gracePeriod: 0,
      logger: new Lines(),
      ...options,
    });
    this.#workers.push(worker as Worker<unknown>);
    return worker;
  }

  /** Checks, when all is done, that nothing is left of a worker's queue but what should be. */
  async assertClean(worker: Worker<unknown>): Promise<void> {
    await (await this.broker).assertClean(worker);
  }
}

/** Runs a worker in the background; `stop` ends the run, and rejects if the run did. */
export function running(worker: Worker<unknown>): { stop(): Promise<void> } {
  const controller = new AbortController();
  const ended = worker.run({ signal: controller.signal });
  ended.catch(() => {});
  return {
    stop: async () => {
      controller.abort();
      await ended;
    },
  };
}

/** Waits a moment; only for what is to take time, never for something to happen. */
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

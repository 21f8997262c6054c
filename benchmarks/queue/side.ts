import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Elapsed time and CPU time of an operation, in milliseconds. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** The calls of a side, with their results. */
export interface SideCalls {
  /** Connects to a queue. */
  open(redisUrl: string, queueName: string): null;
  close(): null;
  /** Enqueues `count` tasks; for a producer. */
  enqueue(count: number): Cost;
  /** Makes `count` round trips, one after another, and returns how long each took; for a producer. */
  roundTrips(count: number): readonly number[];
  /** Starts to run tasks if necessary, and returns when `count` tasks have finished; for a consumer. */
  serve(count: number): Cost;
}

/** Message with a call. */
export interface SideRequest {
  readonly call: keyof SideCalls;
  readonly args: readonly unknown[];
}

/** Message with its result. */
export type SideReply = { readonly result: unknown } | { readonly error: string };

/** One side of a queue, the producer or the consumer, in a separate process. */
export class Side implements AsyncDisposable {
  readonly #process: ChildProcess;

  /** @param role `producer` or `consumer`. */
  constructor(system: string, role: string) {
    this.#process = fork(fileURLToPath(new URL("side_process.ts", import.meta.url)), [system, role]);
  }

  /** Makes a call. The side handles one at a time. */
  call<K extends keyof SideCalls>(call: K, ...args: Parameters<SideCalls[K]>): Promise<ReturnType<SideCalls[K]>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`The process exited with code ${code} during ${call}`));
      this.#process.once("exit", onExit);
      this.#process.once("message", (reply: SideReply) => {
        this.#process.off("exit", onExit);
        if ("error" in reply) reject(new Error(reply.error));
        else resolve(reply.result as ReturnType<SideCalls[K]>);
      });
      this.#process.send({ call, args } satisfies SideRequest);
    });
  }

  /** Stops the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.disconnect();
    await exited;
  }
}

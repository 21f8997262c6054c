import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How long something took: by the clock, and of it on the processor, in milliseconds. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** What a side can be told, and what it answers. */
export interface SideCalls {
  /** Connects anew. */
  open(redisUrl: string, queueName: string): null;
  close(): null;
  /** Enqueues so many tasks; for a producer. */
  enqueue(count: number): Cost;
  /** Makes so many round trips, one after another, and answers how long each took; for a producer. */
  roundTrips(count: number): readonly number[];
  /** Starts if need be, and answers when so many tasks have ended; for a consumer. */
  serve(count: number): Cost;
}

/** One call on its way to a side. */
export interface SideRequest {
  readonly call: keyof SideCalls;
  readonly args: readonly unknown[];
}

/** The answer to it. */
export type SideReply = { readonly answer: unknown } | { readonly error: string };

/** One side of a queue, the producer or the consumer, in a process of its own. */
export class Side implements AsyncDisposable {
  readonly #process: ChildProcess;

  /** @param role `producer` or `consumer`. */
  constructor(system: string, role: string) {
    this.#process = fork(fileURLToPath(new URL("side_process.ts", import.meta.url)), [system, role]);
  }

  /** Tells it to do something; one thing at a time. */
  call<K extends keyof SideCalls>(call: K, ...args: Parameters<SideCalls[K]>): Promise<ReturnType<SideCalls[K]>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`The process ended during ${call}: ${code}`));
      this.#process.once("exit", onExit);
      this.#process.once("message", (reply: SideReply) => {
        this.#process.off("exit", onExit);
        if ("error" in reply) reject(new Error(reply.error));
        else resolve(reply.answer as ReturnType<SideCalls[K]>);
      });
      this.#process.send({ call, args } satisfies SideRequest);
    });
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.disconnect();
    await ended;
  }
}

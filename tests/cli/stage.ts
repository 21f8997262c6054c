import process from "node:process";
import { after, afterEach, before } from "node:test";
import { type Task, Worker } from "@q/streaq";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { Command } from "./command.ts";

/** A server, and a producer for the queue of the fixtures. The server is emptied after each test. */
export class Stage {
  #redis: RedisServer | undefined;
  #producer: Worker | undefined;

  constructor() {
    before(async () => {
      this.#redis = await startRedis();
      this.#producer = new Worker({ redisUrl: this.redisUrl, queueName: "cli" });
    });
    afterEach(async () => void await this.#producer?.redis.command(["FLUSHDB"]));
    after(async () => {
      await this.#producer?.close();
      await this.#redis?.stop();
    });
  }

  get redisUrl(): string {
    return this.#redis!.url;
  }

  /** The producer. */
  get worker(): Worker {
    return this.#producer!;
  }

  /** Runs `streaq run`. */
  run(...args: readonly string[]): Command {
    return new Command(["run", ...args], { REDIS_URL: this.redisUrl });
  }

  /** Enqueues a task of the fixtures. Its function in this process is never called. */
  async enqueue(name: string, ...args: unknown[]): Promise<Task<unknown>> {
    const producer = this.#producer!;
    const task = producer.registry.get(name) ?? producer.task((..._args: unknown[]): unknown => undefined, { name });
    return await task.enqueue(...args);
  }

  /** Enqueues a task; resolves to its result. */
  async call(name: string, ...args: unknown[]): Promise<unknown> {
    const task = await this.enqueue(name, ...args);
    return (await task.result({ timeout: "20s" })).result;
  }
}

/** Whether a process exists. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // It does not exist.
  }
}

import { after, before } from "node:test";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { publish } from "../../src/broker/redis/scripts/enqueue/publish.ts";
import { observe } from "../../src/broker/redis/scripts/lease/observe.ts";
import { fromBeginning, read } from "../../src/broker/redis/scripts/lease/read.ts";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

/** A queue with one priority and some tasks, for consumers that are only a name. */
export interface Rig {
  readonly keys: Keys;
  /** Options of a consumer, for scripts. */
  consumer(
    name: string,
  ): { readonly name: string; readonly priorities: readonly string[]; readonly idleTimeout: number };
  /** Leases all new tasks; with `takeover` also released ones. */
  lease(name: string, takeover?: boolean): Promise<Delivery[]>;
}

/** A server and its client, for the tests of one file. */
export class Scene {
  #server: RedisServer | undefined;
  #redis: RedisClient | undefined;
  #queues = 0;

  constructor() {
    before(async () => {
      this.#server = await startRedis();
      this.#redis = createClient(this.#server.url);
    });
    after(async () => {
      await this.#redis?.close();
      await this.#server?.stop();
    });
  }

  get server(): RedisServer {
    return this.#server!;
  }

  get redis(): RedisClient {
    return this.#redis!;
  }

  /** A queue of its own for a test, with the priority `"normal"`. */
  async newQueue(): Promise<Keys> {
    const keys = new Keys(`queue-${this.#queues++}`);
    await this.redis.command(["XGROUP", "CREATE", keys.stream("normal"), "workers", "0", "MKSTREAM"]);
    return keys;
  }

  /** A new queue with a task for each id. */
  async rig(ids: readonly string[]): Promise<Rig> {
    const { redis } = this;
    const keys = await this.newQueue();
    for (let i = 0; i < ids.length; i += 500) {
      await publish(redis, keys, ids.slice(i, i + 500).map((id) => ({ id, priority: "normal", data: "data" })));
    }
    const consumer = (name: string) => ({ name, priorities: ["normal"], idleTimeout: 60_000 });
    return {
      keys,
      consumer,
      lease: async (name, takeover = false) => {
        const options = {
          known: [],
          quarantined: 1,
          dead: [],
          cursors: takeover ? fromBeginning(["normal"]) : new Map<string, string>(),
        };
        return (await read(redis, keys, consumer(name), Math.max(ids.length, 100), options)).deliveries;
      },
    };
  }
}

/** The consumers with pending entries other than one: those that it would take over from if they were dead. */
export async function otherConsumers(
  redis: RedisClient,
  keys: Keys,
  priorities: readonly string[],
  name: string,
): Promise<string[]> {
  const { consumers } = await observe(redis, keys, { priorities });
  return consumers.map((consumer) => consumer.name).filter((other) => other !== name);
}

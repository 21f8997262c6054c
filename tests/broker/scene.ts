import { after, before } from "node:test";
import type { Delivery } from "../../src/broker/contract/delivery.ts";
import { Keys } from "../../src/broker/redis/keys.ts";
import { publish } from "../../src/broker/redis/scripts/enqueue/publish.ts";
import { fromBeginning, read } from "../../src/broker/redis/scripts/lease/read.ts";
import { createClient, type RedisClient } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

/** Tasks of a queue of one priority, for consumers that are no more than a name. */
export interface Rig {
  readonly keys: Keys;
  /** What the scripts ask to know of a consumer. */
  consumer(
    name: string,
  ): { readonly name: string; readonly priorities: readonly string[]; readonly idleTimeout: number };
  /** Leases all tasks that are free; with `takeover` those too that a consumer has handed back. */
  lease(name: string, takeover?: boolean): Promise<Delivery[]>;
}

/** A server and a client of it, for the tests of a file. */
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

  get redis(): RedisClient {
    return this.#redis!;
  }

  /** A queue of one priority, `"normal"`, that no other test uses. */
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
          cursors: takeover ? fromBeginning(["normal"]) : new Map<string, string>(),
        };
        return (await read(redis, keys, consumer(name), ids.length, options)).deliveries;
      },
    };
  }
}

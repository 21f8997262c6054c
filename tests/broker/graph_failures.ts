import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import type { Revival } from "../../src/broker/contract/failures.ts";
import type { RecordReader } from "../../src/broker/contract/result.ts";
import type { Keys } from "../../src/broker/redis/keys.ts";
import { RedisFailures } from "../../src/broker/redis/redis_failures.ts";
import { ResendingClient } from "../../src/broker/redis/resending_client.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import type { GraphModel } from "./graph_model.ts";
import { nameOf } from "./graph_steps.ts";

/** Queues failed tasks again and drops failures, on Redis and in the model. */
export class GraphFailures {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #model: GraphModel;
  readonly #failures: RedisFailures;
  /** What was sent last. */
  #revivals: readonly Revival[] = [];

  constructor(redis: RedisClient, keys: Keys, model: GraphModel, reader: RecordReader) {
    this.#redis = redis;
    this.#keys = keys;
    this.#model = model;
    const newSender = () => new ResendingClient(redis, { clock: systemClock });
    this.#failures = new RedisFailures(newSender, keys, { binary: false, reader });
  }

  /** Queues tasks again, unless `alone` with those that failed with them; returns the ids of those that are queued. */
  async retry({ ids, alone }: { ids: readonly number[]; alone: boolean }, again: boolean): Promise<string[]> {
    if (!again) this.#revivals = await this.#revivalsOf(ids.map(nameOf), alone);
    const expected = this.#revivals.map(({ taskId }) => this.#model.revive(taskId));
    assertEquals(await this.#failures.revive(this.#revivals), expected);
    return this.#revivals.flatMap(({ taskId }, i) => expected[i] === "queued" ? [taskId] : []);
  }

  async purge(id: string): Promise<void> {
    const expected = Number(this.#model.drop(id));
    this.#model.companions.delete(id);
    assertEquals(await this.#failures.purge([id]), expected);
  }

  /** The dependency because of which a failed task cannot run; `undefined` if its failure is not kept. */
  async blockerOf(id: string): Promise<string | undefined> {
    const failure = await this.#redis.command<string | null>(["GET", this.#keys.failure(id)]);
    if (failure === null) return undefined;
    const [, size, blockerSize, , ...rest] = failure.split(":");
    return rest.join(":").slice(Number(size), Number(size) + Number(blockerSize));
  }

  async #revivalsOf(ids: readonly string[], alone: boolean): Promise<Revival[]> {
    const { tasks } = this.#model;
    const all = new Set(ids);
    // A set grows while it is iterated over.
    for (const id of all) {
      const { next } = tasks.get(id) ?? {};
      // A task that is piped into another one comes back with that one: its output is passed on only once.
      const others = alone ? [next].filter((other) => other !== undefined) : this.#model.companions.get(id) ?? [];
      for (const other of others) all.add(other);
    }
    // Tasks are stored after those on which they depend.
    const ordered = [...tasks.keys()].filter((id) => all.has(id));
    const kept = await this.#failures.load(ordered);
    assertEquals(kept.map((failure) => failure !== null), ordered.map((id) => this.#model.kept.has(id)));
    return kept.flatMap((failure) => {
      if (!failure) return [];
      const { taskId, time } = failure;
      return [{ taskId, time, after: tasks.get(taskId)!.after }];
    });
  }
}

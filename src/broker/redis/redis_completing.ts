import { adviceFor, ConnectionError } from "../../redis/mod.ts";
import type { Completing, Completion, Deferral, FanOutReport, Misdelivery } from "../contract/completing.ts";
import type { Delivery } from "../contract/delivery.ts";
import { inChunks } from "./chunks.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { fanOutDependents } from "./fan_out_dependents.ts";
import { finish } from "./scripts/end/finish.ts";
import { retry } from "./scripts/end/retry.ts";
import { handOver } from "./scripts/lease/hand_over.ts";
import { release } from "./scripts/lease/release.ts";
import { deliveryLimit } from "./scripts/lease/lease_args.ts";

/** Stores the outcomes of deliveries of a queue on Redis. */
export class RedisCompleting implements Completing {
  readonly #state: ConsumerState;

  constructor(state: ConsumerState) {
    this.#state = state;
  }

  async finish(completions: readonly Completion[]): Promise<(boolean | Error)[]> {
    const chunks = inChunks(completions, deliveryLimit, ({ result }) => result.length);
    return (await Promise.all(chunks.map((chunk) => this.#finish(chunk)))).flat();
  }

  async retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]> {
    const { redis, keys, groups, options: { name } } = this.#state;
    const answers = inChunks(deferrals, deliveryLimit).map((chunk) => {
      return groups.within(() => retry(redis, keys, name, chunk));
    });
    return (await Promise.all(answers)).flat();
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    const { redis, keys, groups, options: { name } } = this.#state;
    await groups.within(() => release(redis, keys, name, deliveries));
  }

  async handOver(misdeliveries: readonly Misdelivery[]): Promise<boolean[]> {
    const { redis, keys, groups, options: { name }, isHealthUnknown } = this.#state;
    const answers = inChunks(misdeliveries, deliveryLimit).map((chunk) => {
      return groups.within(() => handOver(redis, keys, name, chunk, { trustsAll: isHealthUnknown }));
    });
    return (await Promise.all(answers)).flat();
  }

  async fanOut(): Promise<FanOutReport> {
    const { redis, keys, options } = this.#state;
    return await fanOutDependents(redis, keys, options);
  }

  /** Stores a chunk. If Redis refuses it for good, it is halved until only the refused results are left out. */
  async #finish(completions: readonly Completion[]): Promise<(boolean | Error)[]> {
    const { redis, keys, groups, options: { name } } = this.#state;
    try {
      const { ends, listed } = await groups.within(() => finish(redis, keys, name, completions));
      this.#state.reportFanOuts(listed);
      return ends;
    } catch (error) {
      if (!isPermanent(error)) throw error;
      if (completions.length === 1) return [error];
      const half = Math.ceil(completions.length / 2);
      const halves = [completions.slice(0, half), completions.slice(half)];
      return (await Promise.all(halves.map((half) => this.#finish(half)))).flat();
    }
  }
}

/** Whether an error would recur if the command were sent again. */
export function isPermanent(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConnectionError) && adviceFor(error) === "fail";
}

import { adviceFor, ConnectionError } from "../../redis/mod.ts";
import type { Completing, Completion, Deferral, FanOutReport } from "../contract/completing.ts";
import type { Delivery } from "../contract/delivery.ts";
import { inChunks } from "./chunks.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { fanOutDependents } from "./fan_out_dependents.ts";
import { finish } from "./scripts/end/finish.ts";
import { retry } from "./scripts/end/retry.ts";
import { release } from "./scripts/lease/release.ts";
import { deliveryLimit } from "./scripts/lease/lease_args.ts";

/** Stores outcomes of tasks of a queue on Redis. */
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

  async fanOut(): Promise<FanOutReport> {
    const { redis, keys, options } = this.#state;
    return await fanOutDependents(redis, keys, options);
  }

  /** A result that is refused for good must not hold up the others: a refused chunk is halved until it is found. */
  async #finish(completions: readonly Completion[]): Promise<(boolean | Error)[]> {
    const { redis, keys, groups, options: { name } } = this.#state;
    try {
      const { ends, listed } = await groups.within(() => finish(redis, keys, name, completions));
      this.#state.reportFanOuts(listed);
      return ends;
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (completions.length === 1) return [error];
      const half = Math.ceil(completions.length / 2);
      const halves = [completions.slice(0, half), completions.slice(half)];
      return (await Promise.all(halves.map((part) => this.#finish(part)))).flat();
    }
  }
}

/** Whether the server would answer the same however often it is asked. */
export function isFinal(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConnectionError) && adviceFor(error) === "fail";
}

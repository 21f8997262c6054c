import type { Completion } from "../contract/completing.ts";
import type { Turn, Turning } from "../contract/turning.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { turn } from "./scripts/lease/turn.ts";

/** Stores results and leases tasks of a queue on Redis in one round trip. */
export class RedisTurning implements Turning {
  readonly #state: ConsumerState;

  constructor(state: ConsumerState) {
    this.#state = state;
  }

  async turn(completions: readonly Completion[], count: number): Promise<Turn> {
    const { redis, keys, options, leased } = this.#state;
    const outcome = await turn(redis, keys, options, completions, count);
    this.#state.reportFanOuts(outcome.listed);
    if (outcome.deliveries.length > 0) this.#state.isBusy = true;
    leased.note(outcome);
    return outcome;
  }
}

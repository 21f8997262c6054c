import type { Completion } from "../contract/completing.ts";
import type { Turn, Turning } from "../contract/turning.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { isPermanent } from "./redis_completing.ts";
import { finish } from "./scripts/end/finish.ts";
import { turn, type TurnOutcome } from "./scripts/lease/turn.ts";

/** Stores results and leases tasks of a queue on Redis in one round trip. */
export class RedisTurning implements Turning {
  readonly #state: ConsumerState;

  constructor(state: ConsumerState) {
    this.#state = state;
  }

  async turn(completions: readonly Completion[], count: number): Promise<Turn> {
    const { redis, keys, options, leased } = this.#state;
    let outcome: TurnOutcome;
    try {
      outcome = count > 0
        ? await turn(redis, keys, options, completions, count)
        : { ...await finish(redis, keys, options.name, completions), deliveries: [], starts: [], broken: [] };
    } catch (error) {
      // Of several results, or of a turn that leases too, it is not known what was refused.
      if (!isPermanent(error) || completions.length !== 1 || count > 0) throw error;
      return { ends: [error], deliveries: [], starts: [], broken: [] };
    }
    this.#state.reportFanOuts(outcome.listed);
    if (outcome.deliveries.length > 0) this.#state.isBusy = true;
    leased.note(outcome);
    return outcome;
  }
}

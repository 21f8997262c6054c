import type {
  DueSchedules,
  Registration,
  Revision,
  SchedulePlace,
  ScheduleReview,
  Tick,
  TickAnswer,
} from "../contract/schedule.ts";
import type { Promotion, Scheduling } from "../contract/scheduling.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { due } from "./scripts/schedule/due.ts";
import { promote } from "./scripts/schedule/promote.ts";
import { register } from "./scripts/schedule/register.ts";
import { review } from "./scripts/schedule/review.ts";
import { revise } from "./scripts/schedule/revise.ts";
import { tick } from "./scripts/schedule/tick.ts";

/** How often to look for due tasks, in milliseconds: while events do not arrive, while tasks are delayed, and otherwise. */
const pollInterval = { deaf: 4000, delayed: 5000, idle: 30_000 };

/** Moves due tasks of a queue on Redis to their streams, and enqueues the occurrences of its schedules. */
export class RedisScheduling implements Scheduling {
  readonly #state: ConsumerState;

  constructor(state: ConsumerState) {
    this.#state = state;
  }

  async promote(): Promise<Promotion> {
    const { redis, keys, options: { priorities }, isDeaf } = this.#state;
    const { hasDelayed, ...promotion } = await promote(redis, keys, priorities);
    // A task that has become the earliest may go unnoticed. The times of schedules are known, and need no polling.
    const pollIn = isDeaf ? pollInterval.deaf : hasDelayed ? pollInterval.delayed : pollInterval.idle;
    return { ...promotion, pollIn };
  }

  async due(after: SchedulePlace | null): Promise<DueSchedules> {
    const { redis, keys, options: { binary } } = this.#state;
    return await due(redis, keys, after, { binary });
  }

  async tick(ticks: readonly Tick[]): Promise<TickAnswer> {
    const { redis, keys } = this.#state;
    return await tick(redis, keys, ticks);
  }

  async register(names: readonly string[]): Promise<Registration> {
    const { redis, keys, idleTimeout } = this.#state;
    return await register(redis, keys, names, idleTimeout);
  }

  async review(after: SchedulePlace | null): Promise<ScheduleReview> {
    const { redis, keys, options: { binary } } = this.#state;
    return await review(redis, keys, after, { binary });
  }

  async revise(revisions: readonly Revision[]): Promise<number> {
    const { redis, keys } = this.#state;
    return await revise(redis, keys, revisions);
  }
}

import type { ConsumerActivity } from "./scripts/lease/observe.ts";

/** The latest observation of one consumer. */
interface Observed {
  /** Time of its last activity, by the server's clock. Only whether it changes counts, so a step of that clock does not. */
  readonly activeTime: number;
  /** How long ago that was at the last observation, by the server's clock. */
  readonly idle: number;
  /** Since when it has not changed, by the monotonic clock of this process. */
  readonly since: number;
}

/**
 * Decides which consumers are dead. No wall clock does so alone: a consumer is dead when this process has watched it being
 * silent for an idle timeout by its own monotonic clock, or for half of one while the server has not seen it for a whole one
 * either. A living worker renews its leases at least three times in an idle timeout.
 */
export class Silence {
  #consumers = new Map<string, Observed>();

  /** Notes an observation of all consumers that have pending entries, made at `time` by the monotonic clock. */
  observe(consumers: readonly ConsumerActivity[], time: number): void {
    const observed = new Map<string, Observed>();
    for (const consumer of latest(consumers).values()) {
      observed.set(consumer.name, next(this.#consumers.get(consumer.name), consumer, time));
    }
    this.#consumers = observed;
  }

  /** Forgets all observations: while the server was out of reach, living workers were silent too. */
  reset(): void {
    this.#consumers.clear();
  }

  /** The consumers that are dead at `time`. */
  dead(idleTimeout: number, time: number): string[] {
    return [...this.#consumers].flatMap(([name, consumer]) => isDead(consumer, idleTimeout, time) ? [name] : []);
  }

  /** In how many milliseconds the next consumer that seems dead to the server will be; `null` when there is none. */
  nextIn(idleTimeout: number, time: number): number | null {
    let nextIn: number | null = null;
    for (const consumer of this.#consumers.values()) {
      if (consumer.idle < idleTimeout || isDead(consumer, idleTimeout, time)) continue;
      nextIn = Math.min(nextIn ?? Infinity, consumer.since + idleTimeout / 2 - time);
    }
    return nextIn;
  }
}

/** A consumer of several streams was last active in any of them. */
function latest(consumers: readonly ConsumerActivity[]): ReadonlyMap<string, ConsumerActivity> {
  const byName = new Map<string, ConsumerActivity>();
  for (const consumer of consumers) {
    const other = byName.get(consumer.name);
    if (!other || consumer.idle < other.idle) byName.set(consumer.name, consumer);
  }
  return byName;
}

function next(before: Observed | undefined, { activeTime, idle }: ConsumerActivity, time: number): Observed {
  if (!before) return { activeTime, idle, since: time };
  return activeTime === before.activeTime ? { ...before, idle } : { activeTime, idle, since: time };
}

function isDead({ idle, since }: Observed, idleTimeout: number, time: number): boolean {
  return time - since >= (idle >= idleTimeout ? idleTimeout / 2 : idleTimeout);
}

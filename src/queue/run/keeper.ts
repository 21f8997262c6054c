import { abortable, Notice } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Delivery } from "../../broker/contract/delivery.ts";
import type { Membership, Renewal, WorkerStatus } from "../../broker/contract/membership.ts";
import type { InFlight } from "./in_flight.ts";
import type { UniqueLocks } from "./unique_locks.ts";

/** Options of a {@linkcode Keeper}. */
export interface KeeperOptions {
  readonly membership: Membership;
  readonly inFlight: InFlight;
  readonly locks: UniqueLocks;
  readonly idleTimeout: number;
  readonly status: () => WorkerStatus;
  /** Called when other workers hold leases, which may expire, while nothing is in flight here. */
  readonly onPending: () => void;
  /** Called for each delivery that another worker has taken over. */
  readonly onLost: (delivery: Delivery) => void;
  /** Called for each delivery whose task was aborted. */
  readonly onAborted: (delivery: Delivery) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The longest wait while tasks are in flight, in milliseconds: an event about them may have been missed. */
const longestPause = 5000;
/** The longest wait after a failure, in milliseconds. */
const afterFailure = 1000;

/** Renews the leases and locks of everything in flight, and reports that the worker is alive. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #asked = new Notice();
  /** Whether to renew now, also when that was asked for during a renewal or before the first one. */
  #isAsked = false;
  /** The largest idle timeout of the queue that was warned about. */
  #foreignTimeout: number | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /**
   * Joins the queue. From then on it is known which idle timeout counts.
   *
   * @param signal When it is aborted, the attempt in progress is the last one.
   */
  async begin(signal: AbortSignal): Promise<void> {
    const { membership, status, logger } = this.#options;
    const [renewal, hazards] = await Promise.all([membership.join(status(), { signal }), membership.hazards()]);
    for (const hazard of hazards) logger.warn(hazard);
    this.#compare(renewal);
  }

  /** Renews now instead of at the next time: leases may be lost already, or the status has changed. */
  renewSoon(): void {
    this.#isAsked = true;
    this.#asked.notify();
  }

  /** Renews again and again until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let [latest, hasFailed] = [clock.monotonic(), false];
    while (!signal.aborted) {
      const left = this.#isAsked ? 0 : latest + this.#pause(hasFailed) - clock.monotonic();
      // In slices, as tasks may arrive meanwhile that are not to wait for as long.
      if (left > 0 && !await this.#asked.waitAtMost(Math.min(left, longestPause), { clock, signal })) continue;
      if (signal.aborted) return;
      this.#isAsked = false;
      latest = clock.monotonic();
      try {
        await abortable(this.#renew(), signal);
        hasFailed = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!hasFailed) logger.warn(`Renewing leases failed and will be retried: ${error}`);
        hasFailed = true;
      }
    }
  }

  /** How long after a renewal the next one is due, in milliseconds. */
  #pause(hasFailed: boolean): number {
    const { inFlight, idleTimeout } = this.#options;
    const pause = inFlight.isEmpty ? idleTimeout / 2 : Math.min(idleTimeout / 3, longestPause);
    return hasFailed ? Math.min(pause, afterFailure) : pause;
  }

  async #renew(): Promise<void> {
    const { membership, inFlight, locks, status, onLost, onAborted, onPending } = this.#options;
    const [renewal] = await Promise.all([membership.renew(inFlight.leased(), status()), locks.extend()]);
    for (const delivery of renewal.lost) onLost(delivery);
    for (const delivery of renewal.aborted) onAborted(delivery);
    this.#compare(renewal);
    if (renewal.hasPending) onPending();
  }

  #compare({ idleTimeout: largest }: Renewal): void {
    const { idleTimeout, logger } = this.#options;
    if (largest === idleTimeout || largest === this.#foreignTimeout) return;
    this.#foreignTimeout = largest;
    logger.warn(
      `Workers of this queue have different values of idleTimeout: the largest, ${largest} ms, counts instead of ${idleTimeout} ms`,
    );
  }
}

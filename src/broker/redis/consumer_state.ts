import type { Clock } from "../../base/clock.ts";
import type { RedisClient } from "../../redis/mod.ts";
import type { ConsumerOptions } from "../contract/consumer.ts";
import type { QueueEvent } from "../contract/membership.ts";
import type { RecordReader } from "../contract/result.ts";
import { ConsumerGroups } from "./consumer_groups.ts";
import type { Keys } from "./keys.ts";
import { LeasedEntries } from "./leased_entries.ts";
import { Silence } from "./silence.ts";

/** Options of a consumer on Redis. */
export interface RedisConsumerOptions extends ConsumerOptions {
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly clock: Clock;
  readonly reader: RecordReader;
}

/** State that the roles of one consumer share. */
export class ConsumerState {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly options: RedisConsumerOptions;
  readonly groups: ConsumerGroups;
  /** How long other workers have been silent. */
  readonly silence: Silence = new Silence();
  readonly leased: LeasedEntries = new LeasedEntries();
  /** Receives events of the queue while the worker listens. */
  onEvent: ((event: QueueEvent) => void) | undefined;
  /** Whether deliveries may be in flight: some were leased since the last heartbeat, or it renewed some. */
  isBusy = false;
  /** Whether events do not arrive, as the server refuses the subscription or cannot be reached for it. */
  isDeaf = false;
  /** When the worker was last found not to be recorded as alive although it was, by the monotonic clock. */
  #forgottenTime = -Infinity;
  #idleTimeout: number;
  /** When the idle timeout was last confirmed, by the monotonic clock. */
  #confirmedTime = 0;

  constructor(redis: RedisClient, keys: Keys, options: RedisConsumerOptions) {
    this.redis = redis;
    this.keys = keys;
    this.options = options;
    this.groups = new ConsumerGroups(redis, keys, options.priorities);
    this.#idleTimeout = options.idleTimeout;
  }

  /** The largest idle timeout among the living workers, which applies to all of them. */
  get idleTimeout(): number {
    return this.#idleTimeout;
  }

  /**
   * Whether other living workers may not be recorded as alive: the records of all of them expire when the server's clock is
   * set forward, or are lost with the data, and each worker renews its own within an idle timeout.
   */
  get isHealthUnknown(): boolean {
    return this.options.clock.monotonic() < this.#forgottenTime + this.#idleTimeout;
  }

  /** Notes that the worker was not recorded as alive although it was. */
  noteForgotten(): void {
    this.#forgottenTime = this.options.clock.monotonic();
  }

  /** Adopts the largest idle timeout of the queue: a larger one at once, a smaller one after the former has passed. */
  adoptIdleTimeout(largest: number): void {
    const time = this.options.clock.monotonic();
    if (largest < this.#idleTimeout && time < this.#confirmedTime + this.#idleTimeout) return;
    this.#idleTimeout = largest;
    this.#confirmedTime = time;
  }

  /** Reports fan-outs, if any are listed: finished tasks whose dependents are still to be released or failed. */
  reportFanOuts(listed: number): void {
    if (listed > 0) this.onEvent?.({ kind: "fan-out" });
  }
}

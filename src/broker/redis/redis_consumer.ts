import type { RedisClient } from "../../redis/mod.ts";
import type { Consumer } from "../contract/consumer.ts";
import { ConsumerState, type RedisConsumerOptions } from "./consumer_state.ts";
import type { Keys } from "./keys.ts";
import { RedisCompleting } from "./redis_completing.ts";
import { RedisLeasing } from "./redis_leasing.ts";
import { RedisLocking } from "./redis_locking.ts";
import { RedisMembership } from "./redis_membership.ts";
import { RedisScheduling } from "./redis_scheduling.ts";
import { RedisTurning } from "./redis_turning.ts";

/** A worker's access to a queue on Redis. Scripts use the shared connection, blocking reads have one of their own. */
export class RedisConsumer implements Consumer {
  readonly leasing: RedisLeasing;
  readonly completing: RedisCompleting;
  readonly turning: RedisTurning;
  readonly scheduling: RedisScheduling;
  readonly locking: RedisLocking;
  readonly membership: RedisMembership;

  constructor(redis: RedisClient, keys: Keys, options: RedisConsumerOptions) {
    const state = new ConsumerState(redis, keys, options);
    this.leasing = new RedisLeasing(state);
    this.completing = new RedisCompleting(state);
    this.turning = new RedisTurning(state);
    this.scheduling = new RedisScheduling(state);
    this.locking = new RedisLocking(state);
    this.membership = new RedisMembership(state, () => this.leasing.close());
  }
}

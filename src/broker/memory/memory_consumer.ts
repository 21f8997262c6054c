import type { Completing } from "../contract/completing.ts";
import type { Consumer, ConsumerOptions } from "../contract/consumer.ts";
import type { Locking } from "../contract/locking.ts";
import type { RecordReader } from "../contract/result.ts";
import type { Scheduling } from "../contract/scheduling.ts";
import type { Turning } from "../contract/turning.ts";
import type { Lane } from "./lane.ts";
import { Leases } from "./leases.ts";
import { MemoryLeasing } from "./memory_leasing.ts";
import { MemoryMembership } from "./memory_membership.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import { promote } from "./promote.ts";

/** Options of a {@linkcode MemoryConsumer}. */
export interface MemoryConsumerOptions extends ConsumerOptions {
  /** Whether records are read as bytes. */
  readonly binary: boolean;
  readonly reader: RecordReader;
}

/**
 * A worker's access to a queue in memory. Every operation takes effect at once and answers in the next turn of the event
 * loop.
 */
export class MemoryConsumer implements Consumer {
  readonly leasing: MemoryLeasing;
  readonly membership: MemoryMembership;
  readonly completing: Completing;
  readonly turning: Turning;
  readonly scheduling: Scheduling;
  readonly locking: Locking;

  constructor(queue: MemoryQueue, options: MemoryConsumerOptions) {
    const lanes = options.priorities.toReversed().map((priority) => queue.lane(priority));
    const leases = new Leases(queue, { ...options, lanes });
    this.leasing = new MemoryLeasing(queue, leases, options);
    this.membership = new MemoryMembership(queue, leases, { ...options, leasing: this.leasing });
    this.completing = completingOn(queue, leases, options.reader);
    this.turning = turningOn(queue, leases);
    this.scheduling = schedulingOn(queue, lanes, options);
    this.locking = lockingOn(queue, options);
  }
}

function completingOn({ turn, dependencies }: MemoryQueue, leases: Leases, reader: RecordReader): Completing {
  return {
    finish: (completions) => turn.answer(leases.finish(completions)),
    retry: (deferrals) => turn.answer(deferrals.map((deferral) => leases.retry(deferral))),
    release: (deliveries) => turn.answer(leases.release(deliveries)),
    handOver: (misdeliveries) => turn.answer(leases.handOver(misdeliveries)),
    fanOut: () => turn.answer(dependencies.fanOut(reader)),
  };
}

function turningOn({ turn }: MemoryQueue, leases: Leases): Turning {
  return {
    turn: (completions, count) => {
      const ends = leases.finish(completions);
      const deliveries = leases.takeFresh(count);
      const starts = deliveries.map((delivery) => leases.start(delivery));
      return turn.answer({ ends, deliveries, starts, broken: [] });
    },
  };
}

function schedulingOn(
  queue: MemoryQueue,
  lanes: readonly Lane[],
  { binary, idleTimeout }: MemoryConsumerOptions,
): Scheduling {
  const { turn, schedules, liveWorkers } = queue;
  return {
    promote: () => turn.answer(promote(queue, lanes)),
    due: (after) => turn.answer(schedules.due(after, binary)),
    tick: (ticks) => {
      const enqueued = ticks.filter((tick) => schedules.tick(tick)).length;
      return turn.answer({ enqueued, refused: new Map() });
    },
    review: (after) => turn.answer(schedules.review(after, binary)),
    revise: (revisions) => turn.answer(revisions.filter((revision) => schedules.revise(revision)).length),
    register: (names) => turn.answer(schedules.register(names, liveWorkers.longestTimeout(idleTimeout))),
  };
}

function lockingOn({ turn, locks, liveWorkers }: MemoryQueue, { idleTimeout }: MemoryConsumerOptions): Locking {
  const timeout = () => liveWorkers.longestTimeout(idleTimeout);
  return {
    take: (lock) => turn.answer(locks.take(lock, timeout())),
    extend: (all) => turn.answer(all.filter((lock) => !locks.extend(lock, timeout()))),
    release: (lock) => turn.answer(locks.release(lock)),
  };
}

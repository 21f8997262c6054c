import { assert } from "@std/assert";
import { type Deferred, deferred } from "../../../src/base/async.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Completion } from "../../../src/broker/contract/completing.ts";
import type { Delivery, Start } from "../../../src/broker/contract/delivery.ts";
import type { Turn } from "../../../src/broker/contract/turning.ts";
import { Pump } from "../../../src/queue/run/pump.ts";
import { Lines, nextTurn } from "../stage.ts";

const started: Start = { tries: 1, data: "", size: null, time: 0, isFirst: true, crashes: 0, input: null };

/** A turn that the pump has sent. */
export interface SentTurn {
  readonly completions: readonly Completion[];
  readonly count: number;
  /** Answers that all results count, and with as many tasks as requested, unless `leased` says otherwise. */
  reply(leased?: number): void;
  fail(error?: Error): void;
}

/** A pump, the worker above it, and the broker below it, which answers when the test says so. */
export class PumpRig {
  readonly pump: Pump<Completion>;
  readonly concurrency: number;
  /** All turns, in the order in which they were sent. */
  readonly sent: SentTurn[] = [];
  /** Those without an answer. */
  readonly unanswered = new Set<SentTurn>();
  /** Results that were stored again, in calls. */
  readonly storedAgain: (readonly Completion[])[] = [];
  /** The arguments of each call of `onStored`. */
  readonly stored: [result: string, answer: boolean | Error | undefined][] = [];
  /** Events, in order. */
  readonly events: string[] = [];
  readonly giveUp = new AbortController();
  /** Called when tasks were leased. */
  onLeased: (turn: Turn) => void = () => {};
  onStored: (completion: Completion) => void = () => {};
  /** How `finish` answers. */
  finish: (completions: readonly Completion[]) => Promise<(boolean | Error)[]>;
  /** The tasks that have a slot. */
  readonly running: Delivery[] = [];
  /** How many tasks were leased. */
  leased = 0;

  constructor(concurrency: number) {
    this.concurrency = concurrency;
    this.finish = (completions) => Promise.resolve(completions.map(() => true));
    this.pump = new Pump({
      turning: { turn: (completions, count) => this.#turn(completions, count) },
      completing: {
        finish: (completions) => {
          this.storedAgain.push(completions);
          return this.finish(completions);
        },
      },
      concurrency,
      slots: () => this.concurrency - this.running.length,
      onLeased: (turn) => {
        this.running.push(...turn.deliveries);
        this.events.push(`leased ${turn.deliveries.length}`);
        this.onLeased(turn);
      },
      onStored: (completion, answer) => {
        this.stored.push([String(completion.result), answer]);
        this.onStored(completion);
      },
      clock: systemClock,
      logger: new Lines(),
      signal: this.giveUp.signal,
    });
  }

  /** The turns without an answer that lease tasks. */
  get leasing(): SentTurn[] {
    return [...this.unanswered].filter(({ count }) => count > 0);
  }

  /** For each turn how many results it stores, and how many tasks it leases at most. */
  get sizes(): [results: number, count: number][] {
    return this.sent.map(({ completions, count }) => [completions.length, count]);
  }

  /** Stores a result. */
  store(result: string): void {
    this.pump.store(completionOf(newDelivery(0), result));
  }

  /** Finishes the oldest running tasks. */
  complete(count: number): void {
    for (const delivery of this.running.splice(0, count)) this.pump.store(completionOf(delivery, delivery.taskId));
    this.pump.roomChanged();
  }

  #turn(completions: readonly Completion[], count: number): Promise<Turn> {
    const reserved = this.leasing.reduce((sum, turn) => sum + turn.count, 0);
    assert(
      count <= Math.max(0, this.concurrency - this.running.length - reserved),
      "no more than there are free slots",
    );
    assert(count === 0 || this.leasing.length < 2, "no third turn");
    const answer: Deferred<Turn> = deferred();
    const turn: SentTurn = {
      completions,
      count,
      reply: (leased = count) => {
        this.unanswered.delete(turn);
        const deliveries = Array.from({ length: leased }, () => newDelivery(this.leased++));
        const starts = deliveries.map(() => started);
        answer.resolve({ ends: completions.map(() => true), deliveries, starts, broken: [] });
      },
      fail: (error = new Error("The turn failed")) => {
        this.unanswered.delete(turn);
        answer.reject(error);
      },
    };
    this.events.push(`turn ${completions.length} ${count}`);
    this.sent.push(turn);
    this.unanswered.add(turn);
    return answer.promise;
  }
}

function newDelivery(n: number): Delivery {
  return {
    taskId: `task-${n}`,
    priority: "low",
    entryId: `${n}-0`,
    deliveries: 1,
    isQuarantined: false,
    enqueueTime: 0,
  };
}

function completionOf(delivery: Delivery, result: string): Completion {
  return { delivery, success: true, result, ttl: 1000 };
}

/** Waits until a pump has sent whatever it sends, and has handled all replies: it waits for turns of the event loop only. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

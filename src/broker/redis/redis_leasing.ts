import type { BrokenEntry, Delivery, Read, Start } from "../contract/delivery.ts";
import type { Leasing, ReadOptions } from "../contract/leasing.ts";
import { BlockingConnection, type FollowUp } from "./blocking_connection.ts";
import { inChunks } from "./chunks.ts";
import type { ConsumerState } from "./consumer_state.ts";
import { group } from "./keys.ts";
import { begin, type Begun, begunKey } from "./scripts/lease/begin.ts";
import { discard } from "./scripts/lease/discard.ts";
import { sortEntries, streams } from "./scripts/reply/entries.ts";
import { observe } from "./scripts/lease/observe.ts";
import { type Cursors, fromBeginning, read } from "./scripts/lease/read.ts";
import { releasedConsumer } from "./scripts/lease/released.ts";
import { start, startLimit } from "./scripts/lease/start.ts";

/** Leases and starts the tasks of a queue on Redis. */
export class RedisLeasing implements Leasing {
  readonly #state: ConsumerState;
  readonly #blocking: BlockingConnection;
  /** Where the search for expired leases continues. */
  #cursors: Cursors = new Map();
  /** When that search began, by the monotonic clock. */
  #searchTime = 0;
  /** Outcomes of deliveries that were started in the round trip of their read. */
  readonly #begun = new WeakMap<Delivery, Start>();

  constructor(state: ConsumerState) {
    const { redis, options: { clock } } = state;
    this.#state = state;
    // A read that was cut off may have leased tasks, which a search finds.
    const onKilled = () => state.onEvent?.({ kind: "released" });
    this.#blocking = new BlockingConnection(redis, { clock, onKilled });
  }

  async read(count: number, { takeover, inFlight, quarantined }: ReadOptions): Promise<Read> {
    const { redis, keys, groups, options } = this.#state;
    if (takeover === "none") {
      const search = { known: [], cursors: new Map(), quarantined, dead: [] };
      const found = await groups.within(() => read(redis, keys, options, count, search));
      return this.#note({ ...found, takeoverIn: null });
    }
    if (takeover === "first") {
      await this.#observe();
      this.#cursors = fromBeginning(options.priorities);
      this.#searchTime = options.clock.monotonic();
    }
    const { idleTimeout, silence, leased } = this.#state;
    // Consumers are dead or alive by the observation at that time; nothing later was observed.
    const time = this.#searchTime;
    const known = [...inFlight, ...leased.broken];
    const search = { known, cursors: this.#cursors, quarantined, dead: silence.dead(idleTimeout, time) };
    const found = await groups.within(() => read(redis, keys, options, count, search));
    return this.#note({ ...found, takeoverIn: silence.nextIn(idleTimeout, time) });
  }

  async wait(count: number, ms: number, { slots }: { slots: number }): Promise<Read> {
    const { keys, groups, options, leased } = this.#state;
    const priorities = options.priorities.toReversed();
    const names = priorities.map((priority) => keys.stream(priority));
    const command = [
      ...["XREADGROUP", "GROUP", group, options.name, "COUNT", count, "BLOCK", Math.max(1, ms), "STREAMS"],
      ...names,
      ...names.map(() => ">"),
    ] as const;
    const followUp: FollowUp<Begun | undefined> = async (connection, timeout) => {
      if (slots === 0) return undefined;
      const limit = Math.min(slots, startLimit);
      return await begin(connection, keys, options, limit, leased.largest, { binary: options.binary, timeout });
    };
    const [reply, begun] = await groups.within(() => this.#blocking.read([...command], ms, followUp));
    const found: Read = { deliveries: [], broken: [], unfinished: false, passedOver: false, takeoverIn: null };
    for (const [name, entries] of streams(reply)) sortEntries(found, priorities[names.indexOf(name)]!, entries);
    if (begun) this.#keepStarts(found.deliveries, begun);
    return this.#note(found);
  }

  wake(): void {
    this.#blocking.interrupt();
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    const { redis, keys, groups, options: { name, binary, maxPayload } } = this.#state;
    const starts = deliveries.map((delivery) => this.#takeStart(delivery));
    const notBegun = deliveries.filter((_, i) => !starts[i]);
    if (notBegun.length === 0) return starts as Start[];
    const chunks = inChunks(notBegun, startLimit).map((chunk) => {
      return groups.within(() => start(redis, keys, name, chunk, { binary, maxPayload }));
    });
    const answers = (await Promise.all(chunks)).flat().values();
    return starts.map((begun) => begun ?? answers.next().value as Start);
  }

  async discard(entries: readonly BrokenEntry[]): Promise<void> {
    const { redis, keys, groups, leased } = this.#state;
    try {
      await groups.within(() => discard(redis, keys, entries));
    } finally {
      leased.discarded(entries);
    }
  }

  /** Closes the connection of blocking reads. */
  async close(): Promise<void> {
    await this.#blocking.close();
  }

  /** Takes the outcome of an earlier start. It counts once: if the delivery is started again, its lease may be lost. */
  #takeStart(delivery: Delivery): Start | undefined {
    const start = this.#begun.get(delivery);
    if (start) this.#begun.delete(delivery);
    return start;
  }

  /** Watches the other consumers: those that are silent for too long are dead. */
  async #observe(): Promise<void> {
    const { redis, keys, groups, options, silence } = this.#state;
    try {
      const { idleTimeout, consumers } = await groups.within(() => observe(redis, keys, options));
      // A worker without leases learns late of one with a larger timeout.
      if (idleTimeout > this.#state.idleTimeout) this.#state.adoptIdleTimeout(idleTimeout);
      const others = consumers.filter(({ name }) => name !== options.name && name !== releasedConsumer);
      silence.observe(others, options.clock.monotonic());
    } catch (error) {
      silence.reset();
      throw error;
    }
  }

  #keepStarts(deliveries: readonly Delivery[], begun: Begun): void {
    for (const delivery of deliveries) {
      const start = begun.get(begunKey(delivery));
      if (start) this.#begun.set(delivery, start);
    }
  }

  #note(found: Read): Read {
    if (found.deliveries.length > 0) this.#state.isBusy = true;
    this.#state.leased.note(found);
    return found;
  }
}

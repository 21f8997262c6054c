import type { Clock } from "../../base/clock.ts";
import { StreaqError } from "../../base/errors.ts";
import { adviceFor, ConnectionError, type RedisClient } from "../../redis/mod.ts";
import type { RecordReader, Waiting } from "../contract/broker.ts";
import type {
  BrokenEntry,
  Consumer,
  ConsumerOptions,
  Deferral,
  Delivery,
  Completion,
  FanOutReport,
  Lock,
  QueueEvent,
  Promotion,
  Read,
  Renewal,
  WorkerStatus,
  Start,
  Takeover,
} from "../contract/consumer.ts";
import type { DueSchedules, Tick } from "../contract/schedule.ts";
import { BlockingConnection, type Follow } from "./blocking_connection.ts";
import { ConsumerGroups } from "./consumer_groups.ts";
import { tellDependents } from "./dependents.ts";
import { group, type Keys } from "./keys.ts";
import { inChunks } from "./chunks.ts";
import { repeat } from "./resend.ts";
import { beat } from "./scripts/lease/heartbeat.ts";
import { begin, type Begun, begunKey } from "./scripts/lease/begin.ts";
import { discard } from "./scripts/lease/discard.ts";
import { sortEntries, streams } from "./scripts/lease/entries.ts";
import { finish } from "./scripts/end/finish.ts";
import { leave } from "./scripts/lease/leave.ts";
import { deliveryLimit, isBefore, startLimit } from "./scripts/lua/leases.ts";
import { extendLocks, releaseLock, takeLock } from "./scripts/lock/lock.ts";
import { mend } from "./scripts/dependents/mend.ts";
import { promote } from "./scripts/schedule/promote.ts";
import { type Cursors, fromBeginning, read } from "./scripts/lease/read.ts";
import { release } from "./scripts/lease/release.ts";
import { renew } from "./scripts/lease/renew.ts";
import { retry } from "./scripts/end/retry.ts";
import { start } from "./scripts/lease/start.ts";
import { tidy } from "./scripts/lease/tidy.ts";
import { agenda, know, tick } from "./scripts/schedule/tick.ts";

/** A worker's access to a queue on Redis: scripts on the shared connection, blocking reads on one of its own. */
export class RedisConsumer implements Consumer {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #groups: ConsumerGroups;
  readonly #reader: RecordReader;
  readonly #options: ConsumerOptions;
  readonly #binary: boolean;
  readonly #clock: Clock;
  readonly #blocking: BlockingConnection;
  #cursors: Cursors = new Map();
  /** The largest entry id that was ever leased, by priority. */
  readonly #known = new Map<string, string>();
  /** What was read and is not discarded yet: not to be found by the next search. */
  readonly #broken = new Set<BrokenEntry>();
  /** The largest of the living workers; it counts for all. */
  #idleTimeout: number;
  /** When that was said last, by the monotonic clock. */
  #agreedTime = 0;
  /** What the worker said of itself last. */
  #summary = "";
  #beats = 0;
  /** How far clearing up has come. */
  #tidied = "0";
  /** How far looking after those that wait has come. */
  #mended = "0";
  #onNews: ((news: QueueEvent) => void) | undefined;

  constructor(
    redis: RedisClient,
    keys: Keys,
    { binary, clock, reader, ...options }: ConsumerOptions & {
      readonly binary: boolean;
      readonly clock: Clock;
      readonly reader: RecordReader;
    },
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#groups = new ConsumerGroups(redis, keys, options.priorities);
    this.#reader = reader;
    this.#options = options;
    this.#binary = binary;
    this.#clock = clock;
    // Whatever a read that was cut off had leased is looked for at once.
    this.#blocking = new BlockingConnection(redis, { clock, onKilled: () => this.#onNews?.({ kind: "released" }) });
    this.#idleTimeout = options.idleTimeout;
  }

  async join(life: WorkerStatus, { signal }: Waiting = {}): Promise<Renewal> {
    return await repeat(async () => {
      await this.#groups.create();
      const renewal = await this.renew([], life);
      await this.#redis.command(["PUBLISH", this.#keys.wake, "joined"]);
      return renewal;
    }, { clock: this.#clock, signal });
  }

  async read(
    count: number,
    { takeover, held }: { takeover: Takeover; held: Iterable<Delivery> },
  ): Promise<Read> {
    if (takeover === "from the beginning") this.#cursors = fromBeginning(this.#options.priorities);
    const cursors: Cursors = takeover === "no" ? new Map() : this.#cursors;
    const options = { ...this.#options, idleTimeout: this.#idleTimeout };
    const known = takeover === "no" ? [] : [...held, ...this.#broken];
    return this.#know(
      await this.#groups.within(() => read(this.#redis, this.#keys, options, count, { held: known, cursors })),
    );
  }

  async wait(
    count: number,
    ms: number,
    { start }: { start: number },
  ): Promise<Read> {
    const { name, priorities } = this.#options;
    const names = priorities.toReversed();
    const keys = names.map((priority) => this.#keys.stream(priority));
    const command = ["XREADGROUP", "GROUP", group, name, "COUNT", count, "BLOCK", ms, "STREAMS", ...keys] as const;
    const follow: Follow<Begun | undefined> = async (connection, timeout) => {
      if (start === 0) return undefined;
      return await begin(connection, this.#keys, this.#options, Math.min(start, startLimit), this.#known, {
        binary: this.#binary,
        timeout,
      });
    };
    const [reply, begun] = await this.#groups.within(() =>
      this.#blocking.read([...command, ...keys.map(() => ">")], ms, follow)
    );
    const [deliveries, broken]: [Delivery[], BrokenEntry[]] = [[], []];
    for (const [key, entries] of streams(reply)) {
      sortEntries({ deliveries, broken }, names[keys.indexOf(key)]!, entries);
    }
    return this.#know({ deliveries, broken, unfinished: false, starts: begun && startsOf(deliveries, begun) });
  }

  wake(): void {
    this.#blocking.interrupt();
  }

  onNews(listener: (news: QueueEvent) => void, { isPatient }: { isPatient: () => boolean }): () => void {
    this.#onNews = listener;
    const text = new TextDecoder();
    const unlisten = this.#redis.listen(this.#keys.wake, {
      message: (message) => listener(readNews(text.decode(message))),
      subscribed: () => listener({ kind: "connected" }),
      isPatient,
    });
    return () => {
      this.#onNews = undefined;
      unlisten();
    };
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    const options = { binary: this.#binary };
    const parts = await Promise.all(
      inChunks(deliveries, startLimit).map((part) =>
        this.#groups.within(() => start(this.#redis, this.#keys, this.#options.name, part, options))
      ),
    );
    return parts.flat();
  }

  async finish(endings: readonly Completion[]): Promise<(boolean | Error)[]> {
    const parts = inChunks(endings, deliveryLimit, ({ result }) => result.length);
    return (await Promise.all(parts.map((part) => this.#finish(part)))).flat();
  }

  async fanOut(): Promise<FanOutReport> {
    return await tellDependents(this.#redis, this.#keys, { reader: this.#reader, binary: this.#binary });
  }

  async retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]> {
    const parts = inChunks(deferrals, deliveryLimit);
    const answers = parts.map((part) => {
      return this.#groups.within(() => retry(this.#redis, this.#keys, this.#options.name, part));
    });
    return (await Promise.all(answers)).flat();
  }

  async promote(): Promise<Promotion> {
    return await promote(this.#redis, this.#keys, this.#options.priorities);
  }

  async agenda(): Promise<DueSchedules> {
    return await agenda(this.#redis, this.#keys, { binary: this.#binary });
  }

  async tick(ticks: readonly Tick[]): Promise<number> {
    return await tick(this.#redis, this.#keys, ticks);
  }

  async know(names: readonly string[]): Promise<string[]> {
    return await know(this.#redis, this.#keys, names, this.#idleTimeout);
  }

  async lock(lock: Lock): Promise<string | null | Error> {
    try {
      return await takeLock(this.#redis, this.#keys, lock, this.#idleTimeout);
    } catch (error) {
      if (!isFinal(error)) throw error;
      return new StreaqError(`Could not take a lock, Redis refuses it: ${this.#keys.lock(lock.fnName)}`, {
        cause: error,
      });
    }
  }

  async extend(locks: readonly Lock[]): Promise<Lock[]> {
    return await extendLocks(this.#redis, this.#keys, locks, this.#idleTimeout);
  }

  async unlock(lock: Lock): Promise<void> {
    // The token makes sure that it is released once.
    await repeat(() => releaseLock(this.#redis, this.#keys, lock), { clock: this.#clock });
  }

  async renew(held: readonly Delivery[], life: WorkerStatus): Promise<Renewal> {
    const renewals = await Promise.all(
      inChunks(held, deliveryLimit).map((part) =>
        this.#groups.within(() => renew(this.#redis, this.#keys, this.#options, part, life))
      ),
    );
    this.#agree(Math.max(...renewals.map(({ idleTimeout }) => idleTimeout)));
    this.#tell(Math.max(...renewals.map(({ listed }) => listed)));
    return { idleTimeout: this.#idleTimeout, lost: renewals.flatMap(({ lost }) => lost) };
  }

  async beat(life: WorkerStatus): Promise<number | null> {
    const isNew = life.summary !== this.#summary;
    this.#summary = life.summary;
    // Every other time will do for what a worker has left that died.
    const looks = this.#beats++ % 2 === 1;
    const [pending, listed] = await this.#groups.within(() =>
      beat(this.#redis, this.#keys, this.#options, life, { isNew, looks })
    );
    this.#tell(listed);
    return pending < 0 ? null : pending;
  }

  async tidy(): Promise<void> {
    const options = { ...this.#options, idleTimeout: this.#idleTimeout };
    this.#tidied = await this.#groups.within(() => tidy(this.#redis, this.#keys, options, this.#tidied));
    this.#mended = await mend(this.#redis, this.#keys, this.#mended);
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#groups.within(() => release(this.#redis, this.#keys, this.#options.name, deliveries));
  }

  async discard(entries: readonly BrokenEntry[]): Promise<void> {
    try {
      await this.#groups.within(() => discard(this.#redis, this.#keys, entries));
    } finally {
      for (const entry of entries) this.#broken.delete(entry);
    }
  }

  async leave({ workerId }: WorkerStatus, ran: readonly Delivery[]): Promise<void> {
    // The blocking connection first: a read that still waits would lease an entry after the goodbye.
    await this.#blocking.close();
    const ids = ran.map(({ taskId }) => taskId);
    await this.#groups.within(() => leave(this.#redis, this.#keys, this.#options, workerId, ids));
  }

  /** Says how many tasks have ended whose dependents are still to be told. */
  #tell(listed: number): void {
    if (listed > 0) this.#onNews?.({ kind: "fan-out" });
  }

  /** Takes over with the largest idle timeout; one that is heard of no more counts for as long as it is. */
  #agree(largest: number): void {
    const time = this.#clock.monotonic();
    if (largest < this.#idleTimeout && time < this.#agreedTime + this.#idleTimeout) return;
    this.#idleTimeout = largest;
    this.#agreedTime = time;
  }

  /** What is refused for good must not hold up the others, so a part that is refused is halved until it is found. */
  async #finish(endings: readonly Completion[]): Promise<(boolean | Error)[]> {
    try {
      const finished = await this.#groups.within(() => finish(this.#redis, this.#keys, this.#options.name, endings));
      this.#tell(finished.listed);
      return finished.ends;
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (endings.length === 1) return [error];
      const half = Math.ceil(endings.length / 2);
      const halves = [endings.slice(0, half), endings.slice(half)];
      return (await Promise.all(halves.map((part) => this.#finish(part)))).flat();
    }
  }

  /** Remembers the largest entry id of each stream, and what is about to be discarded. */
  #know(found: Read): Read {
    for (const entry of found.broken) this.#broken.add(entry);
    for (const { priority, entryId } of [...found.deliveries, ...found.broken]) {
      const known = this.#known.get(priority);
      if (known === undefined || isBefore(known, entryId)) this.#known.set(priority, entryId);
    }
    return found;
  }
}

function startsOf(deliveries: readonly Delivery[], begun: Begun): ReadonlyMap<Delivery, Start> {
  const starts = new Map<Delivery, Start>();
  for (const delivery of deliveries) {
    const start = begun.get(begunKey(delivery));
    if (start) starts.set(delivery, start);
  }
  return starts;
}

/** Whether the server would answer the same, however often it is asked. */
function isFinal(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConnectionError) && adviceFor(error) === "fail";
}

/** What a message on the wake channel says; what is not understood is a reason to look. */
function readNews(message: string): QueueEvent {
  const space = message.indexOf(" ");
  const rest = message.slice(space + 1);
  if (message === "joined") return { kind: "joined" };
  switch (space === -1 ? "" : message.slice(0, space)) {
    case "aborted":
      return { kind: "aborted", taskId: rest };
    case "due":
      return { kind: "due", ms: Math.max(0, Number(rest) || 0) };
    default:
      return { kind: "released" };
  }
}

import type { RecordReader } from "../contract/broker.ts";
import type {
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
import { Leases } from "./leases.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import { IdleWait } from "./idle_wait.ts";

/** A worker's access to a queue in memory. */
export class MemoryConsumer implements Consumer {
  readonly #queue: MemoryQueue;
  readonly #leases: Leases;
  readonly #reader: RecordReader;
  readonly #options: ConsumerOptions;
  readonly #binary: boolean;
  /** The wait that is under way. */
  #nap: IdleWait | undefined;

  constructor(
    queue: MemoryQueue,
    { binary, reader, ...options }: ConsumerOptions & { readonly binary: boolean; readonly reader: RecordReader },
  ) {
    this.#queue = queue;
    this.#options = options;
    this.#binary = binary;
    this.#reader = reader;
    const lanes = options.priorities.toReversed().map((priority) => queue.lane(priority));
    this.#leases = new Leases(queue, { name: options.name, lanes, binary });
  }

  async join(life: WorkerStatus): Promise<Renewal> {
    const renewal = this.#renew([], life);
    this.#queue.news.say({ kind: "joined" });
    return await this.#answer(renewal);
  }

  async read(count: number, { takeover, held }: { takeover: Takeover; held: Iterable<Delivery> }): Promise<Read> {
    const taken = takeover === "no"
      ? { deliveries: [], unfinished: false }
      : this.#leases.takeOver(count, this.#timeout, held);
    // What was started before comes first, or work on a high priority would keep it from ever being taken over.
    const deliveries = [...taken.deliveries, ...this.#leases.takeFresh(count - taken.deliveries.length)];
    return await this.#answer({ ...taken, deliveries, broken: [] });
  }

  async wait(count: number, ms: number, { start }: { start: number }): Promise<Read> {
    const nap = this.#nap = new IdleWait(this.#queue, this.#options.priorities, ms);
    try {
      let deliveries = this.#leases.takeFresh(count);
      while (deliveries.length === 0 && await nap.untilRoused()) {
        // Those that are queued together are leased together.
        await this.#queue.turn.next();
        if (!nap.isOver) deliveries = this.#leases.takeFresh(count);
      }
      const starts = new Map<Delivery, Start>();
      for (const delivery of deliveries.slice(0, start)) starts.set(delivery, this.#leases.start(delivery));
      return await this.#answer({ deliveries, broken: [], unfinished: false, starts });
    } finally {
      nap.end();
      this.#nap = undefined;
    }
  }

  wake(): void {
    this.#nap?.end();
  }

  onNews(listener: (news: QueueEvent) => void): () => void {
    return this.#queue.news.listen(listener);
  }

  async start(deliveries: readonly Delivery[]): Promise<Start[]> {
    return await this.#answer(deliveries.map((delivery) => this.#leases.start(delivery)));
  }

  async finish(endings: readonly Completion[]): Promise<(boolean | Error)[]> {
    return await this.#answer(this.#leases.finish(endings));
  }

  async fanOut(): Promise<FanOutReport> {
    return await this.#answer(this.#queue.dependencies.tell(this.#reader));
  }

  async retry(deferrals: readonly Deferral[]): Promise<(boolean | Error)[]> {
    return await this.#answer(deferrals.map((deferral) => this.#leases.retry(deferral)));
  }

  async promote(): Promise<Promotion> {
    return await this.#answer(this.#leases.promote());
  }

  async agenda(): Promise<DueSchedules> {
    return await this.#answer(this.#queue.repetitions.agenda(this.#binary));
  }

  async tick(ticks: readonly Tick[]): Promise<number> {
    return await this.#answer(ticks.filter((tick) => this.#queue.repetitions.tick(tick)).length);
  }

  async know(names: readonly string[]): Promise<string[]> {
    return await this.#answer(this.#queue.repetitions.know(names, this.#timeout));
  }

  async lock(lock: Lock): Promise<string | null | Error> {
    return await this.#answer(this.#queue.locks.take(lock, this.#timeout));
  }

  async extend(locks: readonly Lock[]): Promise<Lock[]> {
    return await this.#answer(locks.filter((lock) => !this.#queue.locks.extend(lock, this.#timeout)));
  }

  async unlock(lock: Lock): Promise<void> {
    return await this.#answer(this.#queue.locks.release(lock));
  }

  async renew(held: readonly Delivery[], life: WorkerStatus): Promise<Renewal> {
    return await this.#answer(this.#renew(held, life));
  }

  async beat({ workerId }: WorkerStatus): Promise<number | null> {
    const isKnown = this.#queue.living.note(workerId, this.#options.idleTimeout);
    return await this.#answer(isKnown ? this.#leases.pending : null);
  }

  async tidy(): Promise<void> {
    this.#queue.living.tidy();
    this.#queue.locks.tidy();
    await this.#queue.turn.next();
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    return await this.#answer(this.#leases.release(deliveries));
  }

  async discard(): Promise<void> {
    // Every entry is a task here.
    await this.#queue.turn.next();
  }

  async leave({ workerId }: WorkerStatus, ran: readonly Delivery[]): Promise<void> {
    this.#nap?.end();
    this.#leases.releaseAll(ran);
    this.#queue.living.forget(workerId);
    await this.#queue.turn.next();
  }

  /** The largest of the living workers; it counts for all. */
  get #timeout(): number {
    return this.#queue.living.longestTimeout(this.#options.idleTimeout);
  }

  #renew(held: readonly Delivery[], { workerId }: WorkerStatus): Renewal {
    this.#queue.living.note(workerId, this.#options.idleTimeout);
    return { lost: this.#leases.renew(held), idleTimeout: this.#timeout };
  }

  /** Answers in the next turn of the event loop. */
  #answer<T>(answer: T): Promise<T> {
    return this.#queue.turn.answer(answer);
  }
}

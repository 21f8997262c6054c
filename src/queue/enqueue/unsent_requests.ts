import type { Logger } from "../../base/log.ts";

/** The number of requests of one task, created in one turn of the event loop, that are not sent yet. */
interface Count {
  readonly fnName: string;
  unsent: number;
}

/**
 * Shared by the requests of one task that were created in one turn of the event loop. Each refers to it until it is sent,
 * so the mark is collected after the last unsent one was dropped.
 */
export class UnsentMark {
  readonly count: Count;

  constructor(fnName: string) {
    this.count = { fnName, unsent: 0 };
  }

  /** Notes that a request is sent. */
  sent(): void {
    this.count.unsent--;
  }
}

/**
 * Warns of requests that are dropped without being sent, once for each name of a task, when the runtime collects them.
 *
 * Registering a request with the runtime costs more than creating it. Nearly all requests are sent in the turn of the
 * event loop in which they were created, and cost only a counter. The others are registered together at the end of that
 * turn, by the mark that they share.
 */
export class UnsentRequests {
  readonly #logger: Pick<Logger, "warn">;
  /** The marks of the current turn of the event loop, by the name of the task. */
  readonly #marks = new Map<string, UnsentMark>();
  readonly #collected = new FinalizationRegistry<Count>((count) => this.#warn(count));
  readonly #warned = new Set<string>();

  constructor(logger: Pick<Logger, "warn">) {
    this.#logger = logger;
  }

  /** Counts a new request as not sent. */
  add(fnName: string): UnsentMark {
    let mark = this.#marks.get(fnName);
    if (!mark) {
      if (this.#marks.size === 0) setImmediate(() => this.#register());
      mark = new UnsentMark(fnName);
      this.#marks.set(fnName, mark);
    }
    mark.count.unsent++;
    return mark;
  }

  /** Registers the marks whose requests are not all sent, at the end of a turn of the event loop. */
  #register(): void {
    for (const mark of this.#marks.values()) {
      if (mark.count.unsent > 0) this.#collected.register(mark, mark.count);
    }
    this.#marks.clear();
  }

  #warn({ fnName, unsent }: Count): void {
    if (unsent === 0 || this.#warned.has(fnName)) return;
    this.#warned.add(fnName);
    this.#logger.warn(`task ${fnName} was not enqueued: its request was dropped without being awaited`);
  }
}

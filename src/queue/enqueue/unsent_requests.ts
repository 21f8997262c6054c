import type { Logger } from "../../base/log.ts";

/** How many of the requests that were created in one turn for one task are not sent. */
interface Count {
  readonly fnName: string;
  unsent: number;
}

/**
 * Referred to by the requests that were created in one turn for one task, each until it is sent. So it is collected
 * after the last of them was dropped.
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
 * To register each request with the runtime would cost more than to create it. Nearly all are sent in the turn of the
 * event loop in which they were created, and cost a counter. Those that are left at its end are registered together, by
 * the mark that they share.
 */
export class UnsentRequests {
  readonly #logger: Pick<Logger, "warn">;
  /** The marks of this turn, by the name of the task. */
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

  /** Registers the marks of this turn whose requests are not all sent. */
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

import { type Deferred, deferred } from "./async.ts";

/**
 * Collects what is asked for within one turn of the event loop, and does it in one go.
 */
export class Batch<T, R> {
  readonly #perform: (items: T[]) => Promise<readonly R[]>;
  readonly #limit: number;
  #items: T[] = [];
  #waiting: Deferred<R>[] = [];

  /**
   * @param perform Answers the items in order; when it rejects, all of them do.
   * @param limit How many items go in one go at most.
   */
  constructor(perform: (items: T[]) => Promise<readonly R[]>, limit: number) {
    this.#perform = perform;
    this.#limit = limit;
  }

  /** Adds an item, and resolves to its answer. */
  add(item: T): Promise<R> {
    // Not a microtask: the promises that one chunk of replies settles have chains of different lengths.
    if (this.#items.length === 0) setImmediate(() => this.flush());
    const waiting = deferred<R>();
    this.#items.push(item);
    this.#waiting.push(waiting);
    if (this.#items.length === this.#limit) this.flush();
    return waiting.promise;
  }

  /** Does at once what was asked for. */
  flush(): void {
    const [items, waiting] = [this.#items, this.#waiting];
    if (items.length === 0) return;
    this.#items = [];
    this.#waiting = [];
    this.#perform(items).then(
      (answers) => waiting.forEach((item, i) => item.resolve(answers[i]!)),
      (error) => waiting.forEach((item) => item.reject(error)),
    );
  }
}

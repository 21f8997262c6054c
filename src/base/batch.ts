import { type Deferred, deferred } from "./async.ts";

/** Collects the items of one turn of the event loop and handles them in one call. */
export class Batch<T, R> {
  readonly #handle: (items: T[]) => Promise<readonly R[]>;
  readonly #limit: number;
  #items: T[] = [];
  #callers: Deferred<R>[] = [];

  /**
   * @param handle Returns a result for each item, in order. If it rejects, every item of the call rejects.
   * @param limit Maximum number of items in one call.
   */
  constructor(handle: (items: T[]) => Promise<readonly R[]>, limit: number) {
    this.#handle = handle;
    this.#limit = limit;
  }

  /** Adds an item and resolves to its result. */
  add(item: T): Promise<R> {
    // A microtask would be too early: the replies of one chunk settle promises whose chains have different lengths.
    if (this.#items.length === 0) setImmediate(() => this.flush());
    const caller = deferred<R>();
    this.#items.push(item);
    this.#callers.push(caller);
    if (this.#items.length === this.#limit) this.flush();
    return caller.promise;
  }

  /** Handles the collected items now. */
  flush(): void {
    const [items, callers] = [this.#items, this.#callers];
    if (items.length === 0) return;
    this.#items = [];
    this.#callers = [];
    this.#handle(items).then(
      (results) => callers.forEach((caller, i) => caller.resolve(results[i]!)),
      (error) => callers.forEach((caller) => caller.reject(error)),
    );
  }
}

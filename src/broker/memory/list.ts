/** What can be in a {@linkcode List}, in one at a time. */
export interface Listed<T> {
  /** Kept by the list. */
  before: T | null;
  /** Kept by the list. */
  behind: T | null;
}

/** Items in the order in which they came; one comes, or goes from wherever it is, in constant time. */
export class List<T extends Listed<T>> implements Iterable<T> {
  #first: T | null = null;
  #last: T | null = null;

  /** The oldest item, which stays. */
  get first(): T | null {
    return this.#first;
  }

  push(item: T): void {
    item.before = this.#last;
    if (this.#last) this.#last.behind = item;
    else this.#first = item;
    this.#last = item;
  }

  /** Takes an item out, which has to be in it. */
  remove(item: T): void {
    if (item.before) item.before.behind = item.behind;
    else this.#first = item.behind;
    if (item.behind) item.behind.before = item.before;
    else this.#last = item.before;
    item.before = null;
    item.behind = null;
  }

  /** Oldest first. The list must not change meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let item = this.#first; item; item = item.behind) yield item;
  }
}

/** An item of a {@linkcode LinkedList}; it can be in one list at a time. */
export interface Linked<T> {
  /** Set by the list. */
  previous: T | null;
  /** Set by the list. */
  next: T | null;
}

/** A doubly linked list: an item is appended, or removed from any place, in constant time. */
export class LinkedList<T extends Linked<T>> implements Iterable<T> {
  #first: T | null = null;
  #last: T | null = null;

  /** The oldest item. */
  get first(): T | null {
    return this.#first;
  }

  /** Appends an item. */
  push(item: T): void {
    item.previous = this.#last;
    if (this.#last) this.#last.next = item;
    else this.#first = item;
    this.#last = item;
  }

  /** Removes an item, which must be in this list. */
  remove(item: T): void {
    if (item.previous) item.previous.next = item.next;
    else this.#first = item.next;
    if (item.next) item.next.previous = item.previous;
    else this.#last = item.previous;
    item.previous = null;
    item.next = null;
  }

  /** Iterates over the items, oldest first. The list must not change meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let item = this.#first; item; item = item.next) yield item;
  }
}

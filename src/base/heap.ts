/** An item of a {@linkcode Heap}. It can be in one heap at a time. */
export interface Heaped {
  /** Position in the heap, which the heap maintains. */
  heapIndex: number;
}

/** A binary heap. Finds the first item in constant time; adds and removes any item in logarithmic time. */
export class Heap<T extends Heaped> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  /** Number of items. */
  get size(): number {
    return this.#items.length;
  }

  /** Returns the first item and keeps it; `undefined` if the heap is empty. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item. */
  push(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Removes an item, which must be in the heap. */
  remove(item: T): void {
    const last = this.#items.pop()!;
    if (last === item) return;
    const index = item.heapIndex;
    this.#rise(last, index);
    this.#sink(last, last.heapIndex);
  }

  /**
   * Iterates over the items in order. The cost depends on how many are read, not on the size of the heap, which must
   * not change meanwhile.
   */
  *inOrder(): Generator<T> {
    const next = new Heap<Branch<T>>((a, b) => this.#isBefore(a.item, b.item));
    const visit = (index: number) => {
      const item = this.#items[index];
      if (item) next.push({ item, index, heapIndex: 0 });
    };
    visit(0);
    for (let branch = next.peek(); branch; branch = next.peek()) {
      next.remove(branch);
      yield branch.item;
      visit(2 * branch.index + 1);
      visit(2 * branch.index + 2);
    }
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!this.#isBefore(item, this.#items[above]!)) break;
      this.#put(this.#items[above]!, index);
      index = above;
    }
    this.#put(item, index);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      if (left >= this.#items.length) break;
      const isRight = right < this.#items.length && this.#isBefore(this.#items[right]!, this.#items[left]!);
      const below = isRight ? right : left;
      if (!this.#isBefore(this.#items[below]!, item)) break;
      this.#put(this.#items[below]!, index);
      index = below;
    }
    this.#put(item, index);
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}

/** An item of another heap and its position there. */
interface Branch<T> extends Heaped {
  readonly item: T;
  readonly index: number;
}

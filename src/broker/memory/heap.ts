/** What can be in a {@linkcode Heap}, in one at a time. */
export interface Heaped {
  /** Where in the heap it is; kept by the heap. */
  heapIndex: number;
}

/** Items of which the first is at hand; one comes, or goes from wherever it is, in logarithmic time. */
export class Heap<T extends Heaped> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The first item, which stays. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Takes an item out, which has to be in it. */
  remove(item: T): void {
    const last = this.#items.pop()!;
    if (last === item) return;
    const index = item.heapIndex;
    this.#rise(last, index);
    this.#sink(last, last.heapIndex);
  }

  /** All items, the first one first, at the cost of those that are asked for. The heap must not change meanwhile. */
  *inOrder(): Generator<T> {
    const next = new Heap<Branch<T>>((a, b) => this.#isBefore(a.item, b.item));
    const look = (index: number) => {
      const item = this.#items[index];
      if (item) next.push({ item, index, heapIndex: 0 });
    };
    look(0);
    for (let branch = next.peek(); branch; branch = next.peek()) {
      next.remove(branch);
      yield branch.item;
      look(2 * branch.index + 1);
      look(2 * branch.index + 2);
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

/** An item of a heap, with its place there. */
interface Branch<T> extends Heaped {
  readonly item: T;
  readonly index: number;
}

import type { Reply } from "./reply.ts";
import { ATTRIBUTE, MAP, SET } from "./bytes.ts";

/** An array up to this length gets its places at once. One that grows would take twice the time, and 17 places at least. */
const SHORT_ARRAY = 64;

/** An aggregate of which elements are still to come. */
export class Frame {
  /** The byte that says which aggregate it is. */
  readonly type: number;
  /** The frame around it, or `null` at the top level. */
  readonly parent: Frame | null;
  /** How many frames it lies in, itself included. */
  readonly depth: number;
  /** Whether a `.` ends it, rather than its last announced element. */
  readonly streamed: boolean;
  /** What it holds so far. */
  readonly value: Reply[] | Map<Reply, Reply> | Set<Reply>;
  /** Whether the next element has had its attribute, and therefore has to come. */
  annotated = false;

  #missing: number;
  #length = 0;
  #key: Reply | undefined = undefined;

  /**
   * Opens an aggregate.
   *
   * @param type The byte that says which.
   * @param missing How many elements will come, or may come if it is streamed; of a map, each pair is two.
   * @param streamed Whether a `.` ends it.
   * @param parent The frame around it.
   */
  constructor(type: number, missing: number, streamed: boolean, parent: Frame | null) {
    this.type = type;
    this.parent = parent;
    this.depth = parent === null ? 1 : parent.depth + 1;
    this.streamed = streamed;
    this.value = container(type, streamed ? 0 : missing);
    this.#missing = missing;
  }

  /** Whether a `.` would be in the right place. */
  get even(): boolean {
    return this.#key === undefined && !this.annotated;
  }

  /**
   * Takes the next element.
   *
   * @returns Whether it was the last.
   */
  add(element: Reply): boolean {
    this.annotated = false;
    switch (this.type) {
      case MAP:
      case ATTRIBUTE:
        if (this.#key === undefined) {
          this.#key = element;
        } else {
          (this.value as Map<Reply, Reply>).set(this.#key, element);
          this.#key = undefined;
        }
        break;
      case SET:
        (this.value as Set<Reply>).add(element);
        break;
      default:
        (this.value as Reply[])[this.#length++] = element;
    }
    return --this.#missing === 0;
  }
}

/** What an aggregate is while it is empty. A long array grows as its elements come, however many were announced. */
function container(type: number, length: number): Reply[] | Map<Reply, Reply> | Set<Reply> {
  if (type === MAP || type === ATTRIBUTE) return new Map();
  if (type === SET) return new Set();
  return length <= SHORT_ARRAY ? new Array(length) : [];
}

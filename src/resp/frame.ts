import type { Reply } from "./reply.ts";
import { ATTRIBUTE, MAP, SET } from "./bytes.ts";

/** Up to this length an array is allocated at once; growing it would take twice the time, and room for 17 elements. */
const SHORT_ARRAY = 64;

/** An aggregate that is not complete yet. */
export class Frame {
  /** Type byte of the aggregate. */
  readonly type: number;
  /** The enclosing frame, or `null` at the top level. */
  readonly parent: Frame | null;
  /** Nesting depth, from 1. */
  readonly depth: number;
  /** Whether it ends with a `.` instead of after an announced number of elements. */
  readonly streamed: boolean;
  /** The elements so far. */
  readonly value: Reply[] | Map<Reply, Reply> | Set<Reply>;
  /** Whether an attribute was read, so that an element must follow. */
  annotated = false;

  #missing: number;
  #length = 0;
  #key: Reply | undefined = undefined;

  /**
   * Starts an aggregate.
   *
   * @param type Type byte.
   * @param missing Number of elements to expect, two for each pair of a map; if streamed, more than the limit.
   * @param streamed Whether it ends with a `.`.
   * @param parent The enclosing frame.
   */
  constructor(type: number, missing: number, streamed: boolean, parent: Frame | null) {
    this.type = type;
    this.parent = parent;
    this.depth = parent === null ? 1 : parent.depth + 1;
    this.streamed = streamed;
    this.value = container(type, streamed ? 0 : missing);
    this.#missing = missing;
  }

  /** Whether a `.` may follow: not after a key without a value, nor after an attribute. */
  get even(): boolean {
    return this.#key === undefined && !this.annotated;
  }

  /**
   * Adds the next element.
   *
   * @returns Whether the aggregate is now complete.
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

/** Creates an empty aggregate. A long array grows with its elements, however many were announced. */
function container(type: number, length: number): Reply[] | Map<Reply, Reply> | Set<Reply> {
  if (type === MAP || type === ATTRIBUTE) return new Map();
  if (type === SET) return new Set();
  return length <= SHORT_ARRAY ? new Array(length) : [];
}

/**
 * A serializer for what JSON does not take: dates, maps, sets, big integers, bytes, `undefined` and values that hold
 * themselves. It needs the package `devalue`, which nothing else does.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 * import { richSerializer } from "@q/streaq/serializer";
 *
 * const worker = new Worker({ serializer: richSerializer });
 * const remind = worker.task(function remind(when: Date, whom: Set<string>) {
 *   return new Map([...whom].map((name) => [name, when]));
 * });
 * await remind.enqueue(new Date(), new Set(["Ada", "Grace"]));
 * ```
 *
 * @module
 */

import { defaultParseOperations, parse, stringify, type StringifyOperations } from "devalue";
import {
  deepest,
  describe,
  hasSymbols,
  isPlain,
  isPlainArray,
  type Serializer,
  UnserialisableError,
} from "./serializer.ts";

export type { Serializer } from "./serializer.ts";

/** Longer arrays must have no holes: a few bytes could stand for four thousand million elements. */
const longestSparse = 1_000_000;

const symbols = "properties named by symbols";

const decoder = new TextDecoder();

/**
 * A serializer that takes, beside what JSON does: `Date`, `BigInt`, `Map`, `Set`, typed arrays, `ArrayBuffer`,
 * `DataView`, `RegExp`, `URL`, `URLSearchParams`, `undefined`, `NaN`, infinities, `-0`, sparse arrays, objects without
 * a prototype, and values that occur more than once or hold themselves. What would not come back as it is, like a
 * function, a symbol or an instance of a class, is refused with an error that names its path.
 */
export const richSerializer: Serializer = {
  serialize(value) {
    const inspection = new Inspection(value);
    try {
      return stringify(value, undefined, { operations: inspection.operations });
    } catch (thrown) {
      // A getter or a proxy may throw whatever it likes. Its message may quote what nobody else should read.
      throw thrown instanceof UnserialisableError ? thrown : inspection.refusal("what throws when it is read");
    }
  },
  deserialize: (data) => parse(decoder.decode(data), undefined, { operations: { createSparseArray } }),
};

/** Where a value was seen first. */
interface Place {
  readonly parent: Place | null;
  readonly step: string | number;
  readonly depth: number;
}

/** The kinds that devalue knows by name. An instance of a class that extends one would come back as something else. */
const kinds: ReadonlyMap<unknown, string> = new Map(
  [
    ...["Date", "RegExp", "Map", "Set", "URL", "URLSearchParams", "ArrayBuffer", "DataView", "Int8Array", "Uint8Array"],
    ...["Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array"],
    ...["Float64Array", "BigInt64Array", "BigUint64Array"],
  ].flatMap((name) => {
    // Not every runtime has a Float16Array.
    const type = (globalThis as unknown as Record<string, { prototype: object } | undefined>)[name];
    return type ? [[type.prototype, name]] : [];
  }),
);

/** How devalue looks at a value: strictly, and noting where it is. */
class Inspection {
  readonly #places = new Map<unknown, Place>();
  readonly #root: Place = { parent: null, step: "", depth: 0 };
  /** What is looked at, for the error. */
  #here: Place = this.#root;

  readonly operations: Partial<StringifyOperations> = {
    typeOf: (value) => {
      if (value === null) return "null";
      const type = typeof value;
      if (type !== "function" && type !== "symbol") return type;
      this.#here = this.#places.get(value)!;
      throw this.refusal(describe(value));
    },
    // One that has a `then` is refused for it, as for any other function.
    isThenable: () => false,
    tagOf: (value) => {
      this.#here = this.#places.get(value)!;
      if (this.#here.depth > deepest) throw this.refusal(`a value that is nested over ${deepest} levels`);
      const kind = kindOf(value);
      const fault = kind === undefined ? describe(value) : faultOf(value, kind);
      if (fault !== null) throw this.refusal(fault);
      return kind!;
    },
    shapeOf: (value) => ({
      kind: Object.getPrototypeOf(value) === null ? "null-proto" : "plain",
      keys: Object.keys(value),
    }),
    get: (object, key) => {
      const parent = this.#places.get(object)!;
      this.#here = { parent, step: key, depth: parent.depth + 1 };
      const value = object[key];
      this.#note(value, this.#here);
      return value;
    },
    valuesOf: (set) => this.#noteAll([...Set.prototype.values.call(set)], "value"),
    entriesOf: (map) => {
      this.#noteAll([...Map.prototype.keys.call(map)], "key");
      this.#noteAll([...Map.prototype.values.call(map)], "value");
      return Map.prototype.entries.call(map);
    },
    viewInfo: (view) => {
      const { byteOffset, byteLength, length } = view;
      // What is around a part of a buffer is nobody's business: Node cuts many small ones out of a large one.
      const isPart = byteLength < view.buffer.byteLength;
      const buffer = isPart ? view.buffer.slice(byteOffset, byteOffset + byteLength) : view.buffer;
      this.#note(buffer, { parent: this.#here, step: "buffer", depth: this.#here.depth });
      return { buffer, byteOffset: 0, byteLength, length, bufferByteLength: byteLength };
    },
  };

  constructor(value: unknown) {
    this.#places.set(value, this.#root);
  }

  refusal(what: string): UnserialisableError {
    const path = [];
    for (let place = this.#here; place.parent; place = place.parent) path.push(place.step);
    return new UnserialisableError("richSerializer", what, path.reverse());
  }

  #note(value: unknown, place: Place): void {
    const type = typeof value;
    if (type !== "object" && type !== "function" && type !== "symbol" || this.#places.has(value)) return;
    this.#places.set(value, place);
  }

  #noteAll(values: readonly unknown[], name: string): readonly unknown[] {
    const parent = this.#here;
    values.forEach((value, i) => this.#note(value, { parent, step: `${name} ${i}`, depth: parent.depth + 1 }));
    return values;
  }
}

/** What devalue calls a value; `undefined` when it is of no kind that comes back. */
function kindOf(value: object): string | undefined {
  if (Array.isArray(value)) return isPlainArray(value) ? "Array" : undefined;
  const prototype = Object.getPrototypeOf(value);
  return kinds.get(prototype) ?? (prototype === null || isPlain(value) ? "Object" : undefined);
}

/** What of the value would be lost. */
function faultOf(value: object, kind: string): string | null {
  if (ArrayBuffer.isView(value)) return null;
  switch (kind) {
    case "Array":
      return hasSymbols(value) ? symbols : faultOfArray(value as unknown[]);
    case "Object":
      if (hasSymbols(value)) return symbols;
      return Object.hasOwn(value, "__proto__") ? "a property named __proto__" : null;
    case "ArrayBuffer":
      if ((value as { resizable?: boolean }).resizable) return "an ArrayBuffer that can be resized";
      break;
    case "RegExp":
      if ((value as RegExp).lastIndex !== 0) return "a RegExp with a lastIndex";
  }
  return Object.keys(value).length > 0 ? `${describe(value)} with properties of its own` : null;
}

/** Whether an array has properties beside its elements, as what `match()` returns does. They are listed last. */
function hasNames(array: readonly unknown[]): boolean {
  const last = Object.keys(array).at(-1);
  return last !== undefined && (String(Number(last) >>> 0) !== last || Number(last) >= array.length);
}

function faultOfArray(array: readonly unknown[]): string | null {
  if (hasNames(array)) return "an array with properties beside its elements";
  if (array.length <= longestSparse || Object.keys(array).length === array.length) return null;
  return `an array with holes and more than ${longestSparse} elements`;
}

function createSparseArray(length: number): unknown[] {
  if (length > longestSparse) throw new RangeError(`Too long an array with holes: ${length}`);
  return defaultParseOperations.createSparseArray(length);
}

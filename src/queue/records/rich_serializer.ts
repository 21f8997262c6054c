import { isInstance } from "../../base/is_instance.ts";
import { defaultParseOperations, parse, stringify, type StringifyOperations } from "devalue";
import type { Serializer } from "./serializer.ts";
import { maxDepth, UnserialisableError } from "./unserialisable_error.ts";
import { hasSymbolKeys, isPlainArray, isPlainObject, kindOf } from "./value_kind.ts";

/** The longest array that may have holes: a few bytes can claim 2^32 of them. */
const maxSparseLength = 1_000_000;

const decoder = new TextDecoder();

/**
 * A serializer that accepts, in addition to JSON: `Date`, `BigInt`, `Map`, `Set`, typed arrays, `ArrayBuffer`,
 * `DataView`, `RegExp`, `URL`, `URLSearchParams`, `undefined`, `NaN`, infinities, sparse arrays, objects without a
 * prototype, and values that occur more than once or contain themselves. It refuses values that would come back
 * changed, such as a function, a symbol or an instance of a class, with an error that shows their path.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 * import { richSerializer } from "@q/streaq/serializer";
 *
 * const worker = new Worker({ serializer: richSerializer, queueName: "reminders" });
 * ```
 */
export const richSerializer: Serializer = {
  serialize(value) {
    const inspection = new Inspection(value);
    try {
      return stringify(value, undefined, { operations: inspection.operations });
    } catch (thrown) {
      // A getter or a proxy may throw anything. The message may quote the payload.
      throw isInstance(thrown, UnserialisableError)
        ? thrown
        : inspection.refusal("a value that throws when it is read");
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

/** The classes that devalue knows by name. An instance of a subclass would come back as an instance of the class. */
const tags: ReadonlyMap<unknown, string> = new Map(
  [
    ...["Date", "RegExp", "Map", "Set", "URL", "URLSearchParams", "ArrayBuffer", "DataView", "Int8Array", "Uint8Array"],
    ...["Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array"],
    ...["Float64Array", "BigInt64Array", "BigUint64Array"],
  ].flatMap((name) => {
    // Some runtimes have no Float16Array.
    const type = (globalThis as unknown as Record<string, { prototype: object } | undefined>)[name];
    return type ? [[type.prototype, name]] : [];
  }),
);

/** How devalue inspects a value: strictly, and noting the path to each part. */
class Inspection {
  readonly #places = new Map<unknown, Place>();
  readonly #root: Place = { parent: null, step: "", depth: 0 };
  /** The part that is being inspected, for the error. */
  #here: Place = this.#root;

  readonly operations: Partial<StringifyOperations> = {
    typeOf: (value) => {
      if (value === null) return "null";
      const type = typeof value;
      if (type !== "function" && type !== "symbol") return type;
      this.#here = this.#places.get(value)!;
      throw this.refusal(kindOf(value));
    },
    // An object with a `then` is refused because of it, as it would be because of any other function.
    isThenable: () => false,
    tagOf: (value) => {
      this.#here = this.#places.get(value)!;
      if (this.#here.depth > maxDepth) throw this.refusal(`a value nested over ${maxDepth} levels`);
      const tag = tagOf(value);
      const fault = tag === undefined ? kindOf(value) : faultOf(value, tag);
      if (fault !== null) throw this.refusal(fault);
      return tag!;
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
      // Only the viewed part is stored: Node cuts many small buffers, of different owners, out of a large one.
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

/** The name by which devalue knows the class of a value; `undefined` for an object that would come back changed. */
function tagOf(value: object): string | undefined {
  if (Array.isArray(value)) return isPlainArray(value) ? "Array" : undefined;
  const prototype = Object.getPrototypeOf(value);
  return tags.get(prototype) ?? (prototype === null || isPlainObject(value) ? "Object" : undefined);
}

/** The reason why part of a value would be lost; `null` when there is none. */
function faultOf(value: object, tag: string): string | null {
  if (ArrayBuffer.isView(value)) return null;
  switch (tag) {
    case "Array":
      return hasSymbolKeys(value) ? "an object with symbol keys" : faultOfArray(value as unknown[]);
    case "Object":
      if (hasSymbolKeys(value)) return "an object with symbol keys";
      return Object.hasOwn(value, "__proto__") ? "a property named __proto__" : null;
    case "ArrayBuffer":
      if ((value as { resizable?: boolean }).resizable) return "a resizable ArrayBuffer";
      break;
    case "RegExp":
      if ((value as RegExp).lastIndex !== 0) return "a RegExp with a lastIndex";
  }
  return Object.keys(value).length > 0 ? `${kindOf(value)} with additional properties` : null;
}

/** Whether an array has named properties, like the result of `match()`. They come last among its keys. */
function hasNamedProperties(array: readonly unknown[]): boolean {
  const last = Object.keys(array).at(-1);
  return last !== undefined && (String(Number(last) >>> 0) !== last || Number(last) >= array.length);
}

function faultOfArray(array: readonly unknown[]): string | null {
  if (hasNamedProperties(array)) return "an array with named properties";
  if (array.length <= maxSparseLength || Object.keys(array).length === array.length) return null;
  return `an array with holes and more than ${maxSparseLength} elements`;
}

function createSparseArray(length: number): unknown[] {
  if (length > maxSparseLength) {
    throw new RangeError(
      `Cannot read an array with holes: expected at most ${maxSparseLength} elements, got ${length}`,
    );
  }
  return defaultParseOperations.createSparseArray(length);
}

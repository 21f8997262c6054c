/** Values that both serializers refuse, with their description in the error and the path to the fault in them. */
import { Buffer } from "node:buffer";

class Money {
  readonly amount = 1;
}
class Names extends Array<string> {}
class Days extends Map {}

const symbol = Symbol("s3cret");
const revoked = Proxy.revocable({}, {});
revoked.revoke();

export const oddities: [string, unknown, string][] = [
  ["a function", () => 1, ""],
  ["a function", class {}, ""],
  ["a symbol", Symbol("x"), ""],
  ["a Money", new Money(), ""],
  ["a Names", new Names(), ""],
  ["a Days", new Days(), ""],
  ["an? Uint8Array|an ArrayBuffer|a Buffer", Buffer.from("x"), ""],
  ["an Error", new Error("x"), ""],
  ["a RangeError", new RangeError("x"), ""],
  ["a Promise", Promise.resolve(), ""],
  ["a WeakMap", new WeakMap(), ""],
  ["a Number", Object(1), ""],
  ["a String", Object("x"), ""],
  ["a Boolean", Object(false), ""],
  ["a BigInt", Object(1n), ""],
  ["an object with symbol keys", { [symbol]: 1 }, ""],
  ["an object with symbol keys", Object.assign([1], { [symbol]: 1 }), ""],
  ["an array with named properties", "x".match(/x/), ""],
  ["an array with named properties", Object.assign([1], { more: 1 }), ""],
  ["an array with named properties", Object.assign([], { "01": 1 }), ""],
  ["a value that throws when it is read", hostile("s3cret"), ".then"],
  ["a value that throws when it is read", revoked.proxy, ""],
  ["a value that throws when it is read", new Proxy({}, { ownKeys: fail }), ""],
  ["a value that throws when it is read", new Proxy([], { get: fail }), ""],
  ["an Object", Object.create({}), ""],
  ["an Object", Object.create({ a: 1 }), ""],
];

/** Makes an object with a getter that throws an error with this message. */
export function hostile(text: string): object {
  return {
    get then() {
      throw new Error(text);
    },
  };
}

function fail(): never {
  throw new Error("s3cret");
}

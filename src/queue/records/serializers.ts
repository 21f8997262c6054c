/**
 * Serializers: `richSerializer` for values that JSON cannot hold, such as dates, maps, sets, big integers and bytes, and
 * `encrypted` for records that can be read only with the key. It is an entry point of its own, because
 * `richSerializer` needs the package `devalue`.
 *
 * @example
 * ```ts
 * import { Worker } from "@q/streaq";
 * import { richSerializer } from "@q/streaq/serializer";
 *
 * const worker = new Worker({ serializer: richSerializer });
 * const remind = worker.task("remind", (when: Date, whom: Set<string>) => {
 *   return new Map([...whom].map((name) => [name, when]));
 * });
 * await remind.enqueue(new Date(), new Set(["Ada", "Grace"]));
 * ```
 *
 * @module
 */

export { encrypted } from "./encrypted.ts";
export type { EncryptionKey } from "./encryption_keys.ts";
export { jsonSerializer } from "./json_serializer.ts";
export { richSerializer } from "./rich_serializer.ts";
export type { Serializer } from "./serializer.ts";

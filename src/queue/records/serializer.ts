/**
 * Turns values into stored records and back.
 *
 * @example Dates in JSON
 * ```ts
 * import { type Serializer, Worker } from "@q/streaq";
 *
 * const withDates: Serializer = {
 *   serialize: (value) =>
 *     JSON.stringify(value, function (this: Record<string, unknown>, key: string, item: unknown): unknown {
 *       const original = this[key]; // JSON.stringify() has already called toJSON() on the item.
 *       return original instanceof Date ? { $date: original.getTime() } : item;
 *     }),
 *   deserialize: (data) =>
 *     JSON.parse(new TextDecoder().decode(data), (_key, item) => {
 *       return typeof item?.$date === "number" ? new Date(item.$date) : item;
 *     }),
 * };
 * const worker = new Worker({ serializer: withDates });
 * ```
 */
export interface Serializer {
  /**
   * Serialises a value.
   *
   * @returns Text or bytes.
   * @throws When the value would come back changed.
   */
  serialize(value: unknown): string | Uint8Array;
  /** Restores a value from the bytes that `serialize` produced. If it throws, that one task fails. */
  deserialize(data: Uint8Array): unknown;
}

import type { Payload } from "../../../contract/payload.ts";

const decoder = new TextDecoder();

/** A value of a reply as text: where records are bytes, every string of a reply comes as bytes. */
export function textOf(value: Payload | number): string {
  return typeof value === "object" ? decoder.decode(value) : String(value);
}

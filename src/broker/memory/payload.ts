import type { Payload } from "../contract/payload.ts";

/** A payload to be stored; bytes are copied, as their owner may change them. */
export function storedPayload(payload: Payload): Payload {
  return typeof payload === "string" ? payload : payload.slice();
}

/** A stored payload as a worker reads it, whose records are bytes or text; bytes are its own. */
export function readPayload(payload: Payload, binary: boolean): Payload {
  if (typeof payload === "string") return binary ? new TextEncoder().encode(payload) : payload;
  return binary ? payload.slice() : new TextDecoder().decode(payload);
}

/** The size of a payload in bytes, if it is larger than a limit; otherwise `null`. */
export function sizeOver(payload: Payload, limit: number): number | null {
  // UTF-8 takes at most three bytes for each unit, so most texts are not measured.
  const isText = typeof payload === "string";
  if (payload.length * (isText ? 3 : 1) <= limit) return null;
  const size = isText ? new TextEncoder().encode(payload).length : payload.length;
  return size > limit ? size : null;
}

/** A stored payload as {@linkcode readPayload} returns it, or `null`. */
export function readPayloadOrNull(payload: Payload | null, binary: boolean): Payload | null {
  return payload === null ? null : readPayload(payload, binary);
}

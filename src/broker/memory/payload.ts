import type { Payload } from "../contract/payload.ts";

/** Copies bytes before they are stored, since their owner may change them. */
export function storedPayload(payload: Payload): Payload {
  return typeof payload === "string" ? payload : payload.slice();
}

/** Converts a stored payload to a copy as bytes, if records are `binary`, or to text. */
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

/** {@linkcode readPayload} for a payload that may be missing. */
export function readPayloadOrNull(payload: Payload | null, binary: boolean): Payload | null {
  return payload === null ? null : readPayload(payload, binary);
}

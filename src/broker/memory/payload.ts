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

/** The same, where there may be none. */
export function readPayloadOrNull(payload: Payload | null, binary: boolean): Payload | null {
  return payload === null ? null : readPayload(payload, binary);
}

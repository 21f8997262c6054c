import type { KeptFailure, ListedFailure } from "../../../contract/failures.ts";
import type { Payload } from "../../../contract/payload.ts";

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
const colon = 0x3a;

/**
 * Reads a kept failure as `keepFailures` stores it; `null` for anything else.
 *
 * @param listed The task, and when it failed.
 * @param data The task's record.
 */
export function readFailure(listed: ListedFailure, data: Payload, failure: Payload): KeptFailure | null {
  // Scripts count bytes.
  const bytes = typeof failure === "string" ? encoder.encode(failure) : failure;
  let place = 0;
  const take = (end: number) => {
    const text = decoder.decode(bytes.subarray(place, end));
    place = end;
    return text;
  };
  const fields = [0, 1, 2, 3].map(() => {
    const end = bytes.indexOf(colon, place);
    const field = end < 0 ? "" : take(end);
    place++;
    return field;
  });
  const sizes = fields.slice(1).map(Number);
  if (fields.includes("") || !sizes.every(Number.isSafeInteger)) return null;
  const [root, blocker] = sizes.map((size) => take(place + size));
  return {
    ...listed,
    priority: fields[0]!,
    failedWith: root || null,
    blocker: blocker || null,
    data,
    result: typeof failure === "string" ? take(bytes.length) : bytes.subarray(place),
  };
}

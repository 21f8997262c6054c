import type { KeptFailure } from "../../../contract/failures.ts";
import type { Payload } from "../../../contract/payload.ts";

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
const colon = 0x3a;

/**
 * Reads a kept failure as `keepFailure` stores it; `null` for anything else.
 *
 * @param data The task's record.
 */
export function readFailure(taskId: string, data: Payload, failure: Payload): KeptFailure | null {
  // Scripts count bytes.
  const bytes = typeof failure === "string" ? encoder.encode(failure) : failure;
  const first = bytes.indexOf(colon);
  const second = bytes.indexOf(colon, first + 1);
  const textBetween = (start: number, end: number) => decoder.decode(bytes.subarray(start, end));
  const length = Number(textBetween(first + 1, second));
  if (first < 1 || second < 0 || !Number.isSafeInteger(length)) return null;
  const start = second + 1 + length;
  const failedWith = textBetween(second + 1, start);
  return {
    taskId,
    priority: textBetween(0, first),
    failedWith: failedWith === "" ? null : failedWith,
    data,
    result: typeof failure === "string" ? textBetween(start, bytes.length) : bytes.subarray(start),
  };
}

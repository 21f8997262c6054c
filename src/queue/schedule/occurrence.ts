import { createHash } from "node:crypto";

/**
 * The id of an occurrence of a cron job. All workers compute the same one, so that each occurrence is enqueued once. It
 * has the form of a UUID of version 4, without hyphens.
 *
 * @param name The name of the job.
 * @param time When the occurrence is due, in Unix milliseconds.
 */
export function occurrenceId(name: string, time: number): string {
  const bytes = createHash("sha256").update(`${name}${time}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex");
}

import type { Reply } from "../../../../resp/reply.ts";
import type { Read } from "../../../contract/delivery.ts";

/** A stream entry as Redis gives it: its id, then its fields and values in turn. */
export type RawEntry = [id: string, fields: string[]];

/**
 * Sorts the entries of one stream into deliveries and broken ones.
 *
 * @param deliveries How often each has been delivered, negative for a quarantined one; without it, this was the first time.
 */
export function sortEntries(
  into: Pick<Read, "deliveries" | "broken">,
  priority: string,
  entries: readonly RawEntry[],
  deliveries?: readonly number[],
): void {
  for (let i = 0; i < entries.length; i++) {
    const [entryId, fields] = entries[i]!;
    const taskId = field(fields, "task_id");
    // A peer may leave the time out; the entry's id holds it too.
    const enqueueTime = Number(field(fields, "enqueue_time") ?? entryId.slice(0, entryId.indexOf("-")));
    if (!taskId) {
      into.broken.push({ priority, entryId, reason: "No task_id among its fields" });
    } else if (!Number.isSafeInteger(enqueueTime)) {
      into.broken.push({ priority, entryId, reason: "Its enqueue_time is no integer" });
    } else {
      const number = deliveries?.[i] ?? 1;
      into.deliveries.push({
        taskId,
        priority,
        entryId,
        enqueueTime,
        deliveries: Math.abs(number),
        isQuarantined: number < 0,
      });
    }
  }
}

/** What `XREADGROUP` answers: a map in RESP3, pairs in RESP2 and in scripts; `null` when nothing came. */
export function* streams(reply: Reply): Iterable<readonly [key: string, entries: readonly RawEntry[]]> {
  if (reply === null) return;
  yield* reply as unknown as Iterable<readonly [string, readonly RawEntry[]]>;
}

function field(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1];
  }
  return undefined;
}

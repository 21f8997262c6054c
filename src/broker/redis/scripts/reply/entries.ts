import type { Reply } from "../../../../resp/reply.ts";
import type { Read } from "../../../contract/delivery.ts";

/** A stream entry as Redis returns it: its id, then its fields and values in turn. */
export type RawEntry = [id: string, fields: string[]];

/**
 * Sorts the entries of one stream into deliveries and broken entries.
 *
 * @param deliveryCounts How often each entry has been delivered, negative if it is quarantined; 1 when left out.
 */
export function sortEntries(
  into: Pick<Read, "deliveries" | "broken">,
  priority: string,
  entries: readonly RawEntry[],
  deliveryCounts?: readonly number[],
): void {
  for (let i = 0; i < entries.length; i++) {
    const [entryId, fields] = entries[i]!;
    const taskId = field(fields, "task_id");
    // Another client may leave the time out; the entry id contains it too.
    const enqueueTime = Number(field(fields, "enqueue_time") ?? entryId.slice(0, entryId.indexOf("-")));
    if (!taskId) {
      into.broken.push({ priority, entryId, reason: "Field task_id is missing" });
    } else if (!Number.isSafeInteger(enqueueTime)) {
      into.broken.push({ priority, entryId, reason: "Field enqueue_time is not an integer" });
    } else {
      const count = deliveryCounts?.[i] ?? 1;
      into.deliveries.push({
        taskId,
        priority,
        entryId,
        enqueueTime,
        deliveries: Math.abs(count),
        isQuarantined: count < 0,
      });
    }
  }
}

/**
 * The streams in a reply of `XREADGROUP`: a map in RESP3, pairs in RESP2 and in scripts, `null` when nothing was read.
 */
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

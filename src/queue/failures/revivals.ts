import type { KeptFailure, Revival } from "../../broker/contract/failures.ts";
import type { TolerantCodec } from "../records/tolerant_codec.ts";

/** Brings failed tasks in an order in which they can be queued again: each after those on which it depends. */
export function revivalsOf(failures: Iterable<KeptFailure>, records: Pick<TolerantCodec, "read">): Revival[] {
  const revivals = new Map<string, Revival>();
  for (const { taskId, time, blocker, data } of failures) {
    const { previous, dependencies } = records.read(taskId, data);
    // Of a record that cannot be read, only the blocker is known.
    const after = [previous, blocker, ...dependencies].filter((id) => id != null);
    revivals.set(taskId, { taskId, time, after: [...new Set(after)] });
  }
  const ordered = new Set<Revival>();
  const visited = new Set<Revival>();
  const visit = (revival: Revival) => {
    // Records that refer to each other in a circle are not ours.
    if (visited.has(revival)) return;
    visited.add(revival);
    for (const id of revival.after) {
      const dependency = revivals.get(id);
      if (dependency) visit(dependency);
    }
    ordered.add(revival);
  };
  for (const revival of revivals.values()) visit(revival);
  return [...ordered];
}

import type { KeptFailure, Revival } from "../../broker/contract/failures.ts";
import type { TolerantCodec } from "../records/tolerant_codec.ts";

/** Brings failed tasks in an order in which they can be queued again: each after those on which it depends. */
export function revivalsOf(failures: Iterable<KeptFailure>, records: Pick<TolerantCodec, "read">): Revival[] {
  const revivals = new Map<string, Revival>();
  for (const { taskId, time, data } of failures) {
    const { previous, dependencies } = records.read(taskId, data);
    const after = new Set(previous === undefined ? dependencies : [previous, ...dependencies]);
    revivals.set(taskId, { taskId, time, previous, after: [...after] });
  }
  const ordered = new Set<Revival>();
  const visit = (revival: Revival, above: ReadonlySet<Revival>) => {
    // Records that refer to each other in a circle are not ours.
    if (ordered.has(revival) || above.has(revival)) return;
    const below = new Set(above).add(revival);
    for (const id of revival.after) {
      const dependency = revivals.get(id);
      if (dependency) visit(dependency, below);
    }
    ordered.add(revival);
  };
  for (const revival of revivals.values()) visit(revival, new Set());
  return [...ordered];
}

import type { CommandSender } from "./command_sender.ts";
import type { FanOutReport } from "../contract/completing.ts";
import type { RecordReader } from "../contract/result.ts";
import type { Keys } from "./keys.ts";
import { type DoomedEnd, fanOut } from "./scripts/dependents/fan_out.ts";

/** How many calls in a row tell dependents. */
const callLimit = 20;

/** Tells dependents of tasks that have ended, a bounded number of them. */
export async function fanOutDependents(
  redis: CommandSender,
  keys: Keys,
  { reader, binary }: { readonly reader: RecordReader; readonly binary: boolean },
): Promise<FanOutReport> {
  let [released, failed, ends]: [number, number, DoomedEnd[]] = [0, 0, []];
  for (let call = 0; call < callLimit; call++) {
    const reply = await fanOut(redis, keys, ends, { binary });
    released += reply.released;
    failed += reply.failed;
    if (reply.listed === 0) return { released, failed, unfinished: false };
    ends = reply.doomed.map(({ taskId, dependency, failedId, data }) => {
      return { taskId, dependency, ...reader.failDependent(taskId, data, failedId) };
    });
  }
  // What was loaded last is loaded again by the next one who tells.
  return { released, failed, unfinished: true };
}

import type { FanOutReport } from "../contract/completing.ts";
import type { RecordReader } from "../contract/result.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";
import { type DependentFailure, fanOut } from "./scripts/dependents/fan_out.ts";

/** Maximum number of calls. */
const callLimit = 20;

/** Releases or fails a bounded number of dependents of tasks that have finished. */
export async function fanOutDependents(
  redis: CommandSender,
  keys: Keys,
  { reader, binary }: { readonly reader: RecordReader; readonly binary: boolean },
): Promise<FanOutReport> {
  let [released, failed, failures]: [number, number, DependentFailure[]] = [0, 0, []];
  for (let call = 0; call < callLimit; call++) {
    const reply = await fanOut(redis, keys, failures, { binary });
    released += reply.released;
    failed += reply.failed;
    if (reply.listed === 0) return { released, failed, unfinished: false };
    failures = reply.failing.map(({ taskId, dependency, failedId, data }) => {
      return { taskId, dependency, ...reader.failDependent(taskId, data, failedId) };
    });
  }
  // The next call loads the dependents again for which failures were built last.
  return { released, failed, unfinished: true };
}

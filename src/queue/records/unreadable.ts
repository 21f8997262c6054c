import { StreaqError } from "../../base/errors.ts";

/** A kind of stored data, as an error names it before the id of the task. */
export type RecordKind = "record of task" | "result of task" | "input piped from task";

/** Creates the error for stored data that cannot be read. Its message never contains the data. */
export function unreadable(kind: RecordKind, taskId: string, reason: string): StreaqError {
  return new StreaqError(`Cannot read the ${kind} ${taskId}: ${reason}`);
}

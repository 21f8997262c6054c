import { restoreFailure } from "./failure.ts";
import { failure, success, type TaskResult, type TaskResultFields } from "./task_result.ts";
import { unreadable } from "./unreadable.ts";

/**
 * Packs a result into the object that is stored.
 *
 * @param isSuccess Whether the task succeeded.
 * @param value The value that it returned, or the description of its failure.
 * @param dependencies The tasks that it was enqueued after.
 */
export function packResult(
  fields: TaskResultFields,
  isSuccess: boolean,
  value: unknown,
  dependencies: readonly string[],
): Record<string, unknown> {
  const record: Record<string, unknown> = {
    f: fields.fnName,
    ct: fields.createdTime,
    et: fields.enqueueTime,
    s: isSuccess,
    r: value,
    st: fields.startTime,
    ft: fields.finishTime,
    t: fields.tries,
    w: fields.workerId,
    i: fields.taskId,
  };
  if (dependencies.length > 0) record.d = dependencies;
  return record;
}

/**
 * Writes the record of a success around the JSON text of its value: the same text as that of {@linkcode packResult}, which
 * takes three times as long.
 */
export function writeSuccess(fields: TaskResultFields, value: string, dependencies: readonly string[]): string {
  const { fnName, createdTime, enqueueTime, startTime, finishTime, tries, workerId, taskId } = fields;
  const text = `{"f":${JSON.stringify(fnName)},"ct":${createdTime},"et":${enqueueTime},"s":true,"r":${value},` +
    `"st":${startTime},"ft":${finishTime},"t":${tries},"w":${JSON.stringify(workerId)},"i":${JSON.stringify(taskId)}`;
  return dependencies.length > 0 ? `${text},"d":${JSON.stringify(dependencies)}}` : `${text}}`;
}

/**
 * Unpacks the stored object of a result.
 *
 * @throws {StreaqError} When a field is missing or has the wrong type.
 */
export function unpackResult(taskId: string, record: Readonly<Record<string, unknown>>): TaskResult<unknown> {
  const { f, ct, et, s, r, st, ft, t, w } = record;
  if (typeof f !== "string" || typeof w !== "string" || typeof s !== "boolean") {
    throw unreadable("result of task", taskId, "f, w or s is missing");
  }
  if (![ct, et, st, ft, t].every(Number.isFinite)) {
    throw unreadable("result of task", taskId, "ct, et, st, ft or t is not a number");
  }
  const fields = {
    taskId,
    fnName: f,
    createdTime: ct as number,
    enqueueTime: et as number,
    startTime: st as number,
    finishTime: ft as number,
    tries: t as number,
    workerId: w,
  };
  return s ? success(fields, r) : failure(fields, restoreFailure(r));
}

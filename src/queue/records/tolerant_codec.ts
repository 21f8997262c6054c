import type { Clock } from "../../base/clock.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import type { NewFailure, RecordReader } from "../../broker/contract/result.ts";
import type { Definition } from "../tasks/definition.ts";
import { defaultTtl } from "../tasks/resolve_task_options.ts";
import { withJson } from "./failure.ts";
import type { RecordCodec, SignedSchedule } from "./record_codec.ts";
import type { TaskRecord } from "./task_record.ts";
import { failure, type TaskResult } from "./task_result.ts";

/** Options of a {@linkcode TolerantCodec}. */
export interface TolerantCodecOptions {
  readonly codec: RecordCodec;
  /** Looks up a registered task. */
  readonly definition: (fnName: string) => Definition | undefined;
  /** How long failures of tasks that are not registered here are kept, in milliseconds. */
  readonly keepFailed: number;
  /** Named in the results that it builds. */
  readonly workerId: string;
  readonly clock: Clock;
}

/** Takes the place of a record that cannot be read. */
export const unknownRecord: TaskRecord = {
  fnName: "Unknown",
  args: [],
  kwargs: {},
  createdTime: 0,
  expire: null,
  version: 1,
  dependencies: [],
};

/**
 * Reads records without ever throwing, and builds the results of tasks that fail without running: a broken record must
 * not keep a task from being listed, aborted or failed.
 */
export class TolerantCodec implements RecordReader {
  readonly #options: TolerantCodecOptions;

  constructor(options: TolerantCodecOptions) {
    this.#options = options;
  }

  /** Reads the record of a task; {@linkcode unknownRecord} when that is not possible. */
  read(taskId: string, data: Payload): TaskRecord {
    try {
      return this.#options.codec.decodeTask(taskId, data);
    } catch {
      return unknownRecord;
    }
  }

  /** Reads the task of a schedule; {@linkcode unknownRecord} when that is not possible. */
  readSchedule(schedule: SignedSchedule, data: Payload): TaskRecord {
    try {
      return this.#options.codec.decodeSchedule(schedule, data);
    } catch {
      return unknownRecord;
    }
  }

  /** Reads a result; a failure with the reason when that is not possible. */
  readResult(taskId: string, data: Payload): TaskResult<unknown> {
    try {
      return this.#options.codec.decodeResult(taskId, data);
    } catch (error) {
      const { fnName, createdTime } = unknownRecord;
      const times = { createdTime, enqueueTime: 0, startTime: 0, finishTime: 0 };
      return failure({ taskId, fnName, ...times, tries: 0, workerId: "" }, withJson(error as Error));
    }
  }

  /** Builds the result of a task that fails without running, or while it runs elsewhere. */
  fail(
    taskId: string,
    record: TaskRecord,
    error: Pick<Error, "name" | "message">,
    { tries }: { tries: number },
  ): NewFailure {
    const { codec, clock, workerId, definition, keepFailed } = this.#options;
    const { fnName, createdTime, dependencies } = record;
    const time = clock.now();
    const times = { createdTime, enqueueTime: createdTime, startTime: time, finishTime: time };
    const fields = { taskId, fnName, ...times, tries, workerId };
    const registered = definition(fnName);
    return {
      result: codec.encodeResult(fields, { success: false, error }, dependencies),
      ttl: registered ? registered.options.ttl : defaultTtl,
      keep: registered ? registered.options.keepFailed : keepFailed,
    };
  }

  /** Whether a result is a success; `false` when it cannot be read. */
  hasSucceeded(taskId: string, result: Payload): boolean {
    return this.readResult(taskId, result).success;
  }

  /** The tasks that the task of a result was enqueued after, as far as it remembers them. */
  dependencies(taskId: string, result: Payload): readonly string[] {
    try {
      return this.#options.codec.decodeDependencies(taskId, result);
    } catch {
      return [];
    }
  }

  failDependent(taskId: string, data: Payload, failedId: string): NewFailure {
    const message = `Task ${taskId} was not run: task ${failedId}, on which it depends, failed`;
    // Without a stack, which would be stored once for each of possibly thousands of dependents.
    const error = { name: "StreaqError", message };
    return this.fail(taskId, this.read(taskId, data), error, { tries: 0 });
  }
}

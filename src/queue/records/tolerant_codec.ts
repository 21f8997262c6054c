import type { Clock } from "../../base/clock.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import type { NewResult, RecordReader } from "../../broker/contract/result.ts";
import type { Definition } from "../tasks/definition.ts";
import type { RecordCodec, TaskRecord } from "./codec.ts";
import { failure, type TaskResult } from "./task_result.ts";
import { defaultTtl } from "../tasks/task_options.ts";

/** What a {@linkcode TolerantCodec} needs of its queue. */
export interface TolerantCodecOptions {
  readonly codec: RecordCodec;
  /** The function of a name, where it is known. */
  readonly definition: (fnName: string) => Definition | undefined;
  /** Who makes results of tasks that have not run. */
  readonly workerId: string;
  readonly clock: Clock;
}

/** What stands for a record that cannot be read. */
export const unknownRecord: TaskRecord = {
  fnName: "Unknown",
  args: [],
  kwargs: {},
  createdTime: 0,
  expire: null,
  dependencies: [],
};

/** Reads the records of tasks that do not run, whatever is in them, and makes their results. */
export class TolerantCodec implements RecordReader {
  readonly #options: TolerantCodecOptions;

  constructor(options: TolerantCodecOptions) {
    this.#options = options;
  }

  /** A record that cannot be read does not keep a task from being listed, or ended. */
  read(taskId: string, data: Payload): TaskRecord {
    try {
      return this.#options.codec.decodeTask(taskId, data);
    } catch {
      return unknownRecord;
    }
  }

  /** A result that cannot be read does not keep others from being listed. */
  readResult(taskId: string, data: Payload): TaskResult<unknown> {
    try {
      return this.#options.codec.decodeResult(taskId, data);
    } catch (error) {
      const { fnName, createdTime } = unknownRecord;
      const times = { createdTime, enqueueTime: 0, startTime: 0, finishTime: 0 };
      return failure({ taskId, fnName, ...times, tries: 0, workerId: "" }, error as Error);
    }
  }

  /** The result of a task that ends without having run to its end. */
  fail(
    taskId: string,
    record: TaskRecord,
    error: Pick<Error, "name" | "message">,
    { tries }: { tries: number },
  ): NewResult {
    const { codec, clock, workerId, definition } = this.#options;
    const { fnName, createdTime, dependencies } = record;
    const time = clock.now();
    const times = { createdTime, enqueueTime: createdTime, startTime: time, finishTime: time };
    const fields = { taskId, fnName, ...times, tries, workerId };
    const known = definition(fnName);
    return {
      result: codec.encodeResult(fields, { success: false, error }, dependencies),
      ttl: known ? known.options.ttl : defaultTtl,
    };
  }

  /** Nothing goes on from a result that cannot be read. */
  hasSucceeded(taskId: string, result: Payload): boolean {
    return this.readResult(taskId, result).success;
  }

  /** The tasks that one was enqueued after whose result this is, as far as it remembers. */
  dependencies(taskId: string, result: Payload): readonly string[] {
    try {
      return this.#options.codec.decodeDependencies(taskId, result);
    } catch {
      return [];
    }
  }

  failDependent(taskId: string, data: Payload, failedId: string): NewResult {
    // Without a stack: it would show where the worker told it, once for each of perhaps many thousand.
    const message = `Not run, as a task that it depends on has failed: ${failedId}`;
    const error = { name: "StreaqError", message };
    return this.fail(taskId, this.read(taskId, data), error, { tries: 0 });
  }
}

import type { Clock } from "../../base/clock.ts";
import { millisecondsOrNull } from "../../base/duration.ts";
import { StreaqCancelled, StreaqError, TimeoutError } from "../../base/errors.ts";
import type { Inspecting, Publishing } from "../../broker/contract/broker.ts";
import type { Found } from "../../broker/contract/task.ts";
import { explore, type TaskGraph } from "./graph.ts";
import type { TaskInfo } from "./task_info.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { TaskRecord } from "../records/task_record.ts";
import { checkId, randomId } from "../../base/id.ts";
import type { TolerantCodec } from "../records/tolerant_codec.ts";
import type { TaskResult } from "../records/task_result.ts";
import { TaskStatus } from "./task_status.ts";
import type { AbortOptions, ResultOptions } from "./wait_options.ts";

/** Which tasks to list. */
export interface ListOptions {
  /**
   * How many at most, up to 10,000.
   *
   * @default {100}
   */
  limit?: number | undefined;
  /** Only those of this priority; all when it is not given. Results belong to none. */
  priority?: string | undefined;
}

/** Which tasks to count. */
export interface SizeOptions {
  /**
   * Whether tasks count that wait for their time.
   *
   * @default {true}
   */
  includeScheduled?: boolean | undefined;
}

/** A task that repeats. */
export interface Schedule {
  /** What it is unscheduled by: the id of the task, or the name of the cron job. */
  readonly id: string;
  /** The name of the function. */
  readonly fnName: string;
  /** The positional arguments. */
  readonly args: readonly unknown[];
  /** The named arguments. */
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** When it runs. */
  readonly expression: string;
  /** The IANA time zone of the expression. */
  readonly timeZone: string;
  /** The priority that it is enqueued on. */
  readonly priority: string;
  /** When it runs next, in Unix milliseconds; in the past while it waits for a worker. */
  readonly nextRun: number;
  /** Whether it was scheduled with an expression, instead of being a cron job of the code. */
  readonly dynamic: boolean;
}

/** What {@linkcode Inspector} are looked at with. */
export interface InspectorOptions {
  readonly broker: Inspecting & Pick<Publishing, "unschedule">;
  readonly codec: RecordCodec;
  readonly records: TolerantCodec;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly clock: Clock;
}

/** How many tasks are listed at most. */
const longestList = 10_000;
/** How many dependencies and how many dependents of a task are listed. */
const mostRelatives = 1000;

/** The tasks of a queue, as one looks at them from outside. */
export class Inspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  async status(id: string): Promise<TaskStatus> {
    return await this.#options.broker.state(checkId(id));
  }

  async result(id: string, { timeout = null, signal }: ResultOptions = {}): Promise<TaskResult<unknown>> {
    const { broker, codec, clock } = this.#options;
    const ms = millisecondsOrNull(timeout, "timeout");
    const waiting = new AbortController();
    const abort = () => waiting.abort(signal!.reason);
    const timer = ms === null ? undefined : clock.timer(ms, () => {
      waiting.abort(new TimeoutError(`The task did not end within ${ms} ms: ${id}`));
    });
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const data = await broker.result(checkId(id), { signal: waiting.signal });
      if (data === null) throw new StreaqError(`The task is unknown, or its result is gone: ${id}`);
      return codec.decodeResult(id, data);
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", abort);
    }
  }

  async info(id: string): Promise<TaskInfo | null> {
    const { broker, codec } = this.#options;
    const found = await broker.find(checkId(id), { relatives: mostRelatives });
    return found && describe(found, codec.decodeTask(id, found.data));
  }

  /** Ends a task wherever it is; `false` when it had ended, or is unknown. */
  async abort(id: string, { timeout = "5s", signal }: AbortOptions = {}): Promise<boolean> {
    millisecondsOrNull(timeout, "timeout");
    const { broker, records } = this.#options;
    const found = await broker.find(checkId(id), { relatives: 0 });
    if (!found) return false;
    signal?.throwIfAborted();
    const error = new StreaqCancelled(`Task ${id} was aborted`);
    const end = records.fail(id, records.read(id, found.data), error, found);
    return await broker.abort({ taskId: id, ...end, mark: randomId() }, { signal });
  }

  async graph(id: string, { limit = 100 }: { limit?: number | undefined } = {}): Promise<TaskGraph> {
    return await explore(id, limit, this.#options);
  }

  async unschedule(id: string): Promise<boolean> {
    return await this.#options.broker.unschedule(checkId(id), { withdraw: true });
  }

  async schedules({ limit = 100 }: { limit?: number | undefined } = {}): Promise<Schedule[]> {
    const schedules = await this.#options.broker.schedules(checkLimit(limit));
    return schedules.map(({ name, isStatic, expression, timeZone, priority, time, data }) => {
      const { fnName, args, kwargs } = this.#options.records.read(name, data);
      return { id: name, fnName, args, kwargs, expression, timeZone, priority, nextRun: time, dynamic: !isStatic };
    });
  }

  async list(status: TaskStatus, options: ListOptions = {}): Promise<(TaskInfo | TaskResult<unknown>)[]> {
    const { limit = 100, priority } = options;
    const { broker, priorities } = this.#options;
    checkLimit(limit);
    if (priority !== undefined && !priorities.includes(priority)) {
      throw new StreaqError(`Unknown priority, expected one of ${priorities.join(", ")}: ${priority}`);
    }
    switch (status) {
      case TaskStatus.Scheduled:
      case TaskStatus.Queued:
      case TaskStatus.Running:
        return (await broker.list(status, { limit, priority })).map((found) =>
          describe(found, this.#options.records.read(found.taskId, found.data))
        );
      case TaskStatus.Done:
        if (priority !== undefined) {
          throw new StreaqError(`Could not list results by priority, they have none: ${priority}`);
        }
        return (await broker.recent(limit)).map(([id, data]) => this.#options.records.readResult(id, data));
      default:
        throw new StreaqError(`Could not list tasks, expected scheduled, queued, running or done: ${status}`);
    }
  }

  async size({ includeScheduled = true }: SizeOptions = {}): Promise<number> {
    return await this.#options.broker.size({ includeScheduled });
  }
}

function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= longestList) return limit;
  throw new RangeError(`Invalid limit, expected a whole number from 1 to ${longestList}: ${limit}`);
}

function describe(found: Found, { fnName, createdTime, args, kwargs }: TaskRecord): TaskInfo {
  return {
    taskId: found.taskId,
    fnName,
    createdTime,
    args,
    kwargs,
    tries: found.tries,
    scheduled: found.dueTime === null ? null : new Date(found.dueTime),
    dependencies: new Set(found.dependencies),
    dependents: new Set(found.dependents),
    status: found.state,
  };
}

import { onAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { millisecondsOrNull } from "../../base/duration.ts";
import { StreaqCancelled, StreaqError, TimeoutError } from "../../base/errors.ts";
import { checkId, randomId } from "../../base/id.ts";
import { checkOptionNames, type OptionNames } from "../../base/known_options.ts";
import type { Inspecting, Publishing } from "../../broker/contract/broker.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import type { Found, NewTask } from "../../broker/contract/task.ts";
import type { RecordCodec } from "../records/record_codec.ts";
import type { TaskRecord } from "../records/task_record.ts";
import type { TaskResult } from "../records/task_result.ts";
import type { TolerantCodec } from "../records/tolerant_codec.ts";
import type { AbortOptions } from "./abort_options.ts";
import { checkLimit } from "../../base/check_limit.ts";
import { explore } from "./explore.ts";
import type { ListOptions } from "./list_options.ts";
import type { ResultOptions } from "./result_options.ts";
import type { Schedule } from "./schedule.ts";
import type { SizeOptions } from "./size_options.ts";
import type { TaskGraph } from "./task_graph.ts";
import type { TaskInfo } from "./task_info.ts";
import { TaskStatus } from "./task_status.ts";

/** Options of an {@linkcode Inspector}. */
export interface InspectorOptions {
  readonly broker: Inspecting & Pick<Publishing, "unschedule">;
  readonly codec: RecordCodec;
  readonly records: TolerantCodec;
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  readonly clock: Clock;
}

const resultNames: OptionNames<ResultOptions> = { timeout: true, signal: true };
const abortNames: OptionNames<AbortOptions> = { timeout: true, signal: true };
const listNames: OptionNames<ListOptions> = { limit: true, priority: true };
const sizeNames: OptionNames<SizeOptions> = { includeScheduled: true };
const limitNames = { limit: true } as const;

/** How many tasks or schedules are listed at most. */
const maxListed = 10_000;
/** How many dependencies and how many dependents of a task are listed at most. */
const maxRelatives = 1000;

/** The inspector's side of a queue: it reads, waits for and aborts tasks, from any process. */
export class Inspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  async status(id: string): Promise<TaskStatus> {
    return await this.#options.broker.state(checkId(id));
  }

  async result(id: string, options: ResultOptions = {}): Promise<TaskResult<unknown>> {
    checkOptionNames(options, resultNames);
    const { timeout = null, signal } = options;
    const { broker, codec } = this.#options;
    const ms = millisecondsOrNull(timeout, "timeout");
    // Most callers wait without a limit, and are spared a controller and its events.
    const data = ms === null
      ? await broker.result(checkId(id), { signal })
      : await this.#resultWithin(ms, checkId(id), signal);
    if (data !== null) return codec.decodeResult(id, data);
    throw new StreaqError(`Cannot read the result of task ${id}: the task is unknown, or its result is gone`);
  }

  async #resultWithin(ms: number, id: string, signal: AbortSignal | undefined): Promise<Payload | null> {
    const { broker, clock } = this.#options;
    const waiting = new AbortController();
    const timer = clock.timer(ms, () => {
      waiting.abort(new TimeoutError(`Task ${id} did not finish within ${ms} ms`));
    });
    const forget = signal && onAbort(signal, () => waiting.abort(signal.reason));
    try {
      return await broker.result(id, { signal: waiting.signal });
    } finally {
      timer.cancel();
      forget?.();
    }
  }

  /** Whether the stored task, or its result, is the one that was sent. */
  async isStored({ id, data }: Pick<NewTask, "id" | "data">, createdTime: number): Promise<boolean> {
    const { broker, records } = this.#options;
    const found = await broker.find(id, { relatives: 0 });
    if (found) return isSame(found.data, data);
    const [result] = await broker.results([id]);
    return result ? records.readResult(id, result).createdTime === createdTime : false;
  }

  async info(id: string): Promise<TaskInfo | null> {
    const { broker, codec } = this.#options;
    const found = await broker.find(checkId(id), { relatives: maxRelatives });
    return found && infoOf(found, codec.decodeTask(id, found.data));
  }

  /** Aborts a task in any state; `false` when it had finished, or is unknown. */
  async abort(id: string, options: AbortOptions = {}): Promise<boolean> {
    checkOptionNames(options, abortNames);
    const { timeout = "5s", signal } = options;
    millisecondsOrNull(timeout, "timeout");
    const { broker, records } = this.#options;
    const found = await broker.find(checkId(id), { relatives: 0 });
    if (!found) return false;
    signal?.throwIfAborted();
    const error = new StreaqCancelled(`Task ${id} was aborted`);
    const { result, ttl } = records.fail(id, records.read(id, found.data), error, found);
    return await broker.abort({ taskId: id, result, ttl, mark: randomId() }, { signal });
  }

  async graph(id: string, options: { limit?: number | undefined } = {}): Promise<TaskGraph> {
    checkOptionNames(options, limitNames);
    const { limit = 100 } = options;
    return await explore(id, limit, this.#options);
  }

  async unschedule(id: string): Promise<boolean> {
    return await this.#options.broker.unschedule(checkId(id), { withdraw: true });
  }

  async schedules(options: { limit?: number | undefined } = {}): Promise<Schedule[]> {
    checkOptionNames(options, limitNames);
    const { limit = 100 } = options;
    const schedules = await this.#options.broker.schedules(checkLimit(limit, maxListed));
    return schedules.map((schedule) => {
      const { name, isStatic, expression, timeZone, priority, time, data } = schedule;
      const { fnName, args, kwargs } = this.#options.records.readSchedule(schedule, data);
      return { id: name, fnName, args, kwargs, expression, timeZone, priority, nextRun: time, dynamic: !isStatic };
    });
  }

  async list(status: TaskStatus, options: ListOptions = {}): Promise<(TaskInfo | TaskResult<unknown>)[]> {
    checkOptionNames(options, listNames);
    const { limit = 100, priority } = options;
    const { broker, priorities } = this.#options;
    checkLimit(limit, maxListed);
    if (priority !== undefined && !priorities.includes(priority)) {
      throw new StreaqError(`Cannot use priority: expected one of ${priorities.join(", ")}, got ${priority}`);
    }
    switch (status) {
      case TaskStatus.Scheduled:
      case TaskStatus.Queued:
      case TaskStatus.Running:
        return (await broker.list(status, { limit, priority })).map((found) =>
          infoOf(found, this.#options.records.read(found.taskId, found.data))
        );
      case TaskStatus.Done:
        if (priority !== undefined) {
          throw new StreaqError(`Cannot list results of priority ${priority}: results have none`);
        }
        return (await broker.recent(limit)).map(([id, data]) => this.#options.records.readResult(id, data));
      default:
        throw new StreaqError(`Cannot list tasks: expected status scheduled, queued, running or done, got ${status}`);
    }
  }

  async size(options: SizeOptions = {}): Promise<number> {
    checkOptionNames(options, sizeNames);
    const { includeScheduled = true } = options;
    return await this.#options.broker.size({ includeScheduled });
  }
}

function isSame(a: Payload, b: Payload): boolean {
  return a === b || (typeof a !== "string" && a.length === b.length && a.every((byte, i) => byte === b[i]));
}

function infoOf(found: Found, { fnName, createdTime, args, kwargs }: TaskRecord): TaskInfo {
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

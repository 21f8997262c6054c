/** The consumer group that the workers of a queue read in. */
export const group = "workers";

/**
 * The keys of a queue, each written once for TypeScript and for Lua. `docs/wire-format.md` describes what they hold.
 *
 * A family has one key for each priority, task, worker or name. An empty name gives the beginning of all its keys.
 */
export abstract class KeyTable {
  /** Writes a key: the queue's prefix and a suffix, which for a family is followed by the name of a member. */
  protected abstract key(suffix: string, member?: string): string;

  /** The stream of a priority: its queued and running tasks. */
  stream(priority: string): string {
    return this.key(":queues:", priority);
  }

  /** Sorted set: the delayed tasks of a priority, by due time. */
  delayed(priority: string): string {
    return this.key(":queues:delayed:", priority);
  }

  /** The record of a task that has not finished. */
  data(taskId: string): string {
    return this.key(":task:data:", taskId);
  }

  /** How many tries of a task are spent. */
  tries(taskId: string): string {
    return this.key(":task:retry:", taskId);
  }

  /** Set: the tasks that have such a number. */
  get tried(): string {
    return this.key(":ts:tried");
  }

  /** The record of a result. */
  result(taskId: string): string {
    return this.key(":task:results:", taskId);
  }

  /** The output of a task for the one that it is piped into. */
  output(taskId: string): string {
    return this.key(":task:previous:", taskId);
  }

  /** Set: the tasks that a deferred task waits for. */
  dependencies(taskId: string): string {
    return this.key(":task:dependencies:", taskId);
  }

  /** Set: the tasks that wait for a task. */
  dependents(taskId: string): string {
    return this.key(":task:dependents:", taskId);
  }

  /** The lock of a unique function. */
  lock(fnName: string): string {
    return this.key(":task:lock:", fnName);
  }

  /** The heartbeat of a worker, which expires. */
  health(workerId: string): string {
    return this.key(":health:", workerId);
  }

  /** The channel on which the result of a task is published. */
  channel(taskId: string): string {
    return this.key(":channels:", taskId);
  }

  /** Hash: the reply channel of each producer that waits for results, by the beginning of its task ids. */
  get producers(): string {
    return this.key(":ts:producers");
  }

  /** The channel on which a producer receives the results of its own tasks. Its name is secret. */
  replies(name: string): string {
    return this.key(":ts:to:", name);
  }

  /** Hash: the expression of each schedule. */
  get scheduleExpressions(): string {
    return this.key(":cron:jobs");
  }

  /** Sorted set: the schedules, by the due time of the next occurrence. */
  get scheduleTimes(): string {
    return this.key(":cron:schedule");
  }

  /** The task record of a schedule. */
  scheduleData(name: string): string {
    return this.key(":cron:data:", name);
  }

  /** Hash: kind, priority, time zone and next occurrence of each schedule. */
  get scheduleNotes(): string {
    return this.key(":ts:cron");
  }

  /** List: earlier occurrences of a schedule that may not have finished. */
  pastOccurrences(name: string): string {
    return this.key(":ts:cron:", name);
  }

  /** The call that has removed a schedule, and how many of its withdrawn occurrences have dependents; for a minute. */
  unscheduled(name: string): string {
    return this.key(":ts:unscheduled:", name);
  }

  /** Sorted set: the cron jobs that living workers have registered. */
  get registeredJobs(): string {
    return this.key(":ts:crons");
  }

  /** Hash: the lease of each running task. */
  get running(): string {
    return this.key(":ts:running");
  }

  /** Set: the unfinished tasks that may have dependents. */
  get depended(): string {
    return this.key(":ts:depended");
  }

  /** Hash: the priority of each deferred task. */
  get waiting(): string {
    return this.key(":ts:waiting");
  }

  /** Hash: for each task with piped input, the task whose output that is. */
  get inputs(): string {
    return this.key(":ts:inputs");
  }

  /** Hash: the outcome of each finished task whose dependents are still to be released or failed. */
  get fanOuts(): string {
    return this.key(":ts:fanouts");
  }

  /** Set: the dependents of a finished task that are still to be released or failed. */
  fanOut(taskId: string): string {
    return this.key(":ts:fanout:", taskId);
  }

  /** Hash: the tasks that each consumer has registered: each name between colons, then versions if one is not 1. */
  get registeredNames(): string {
    return this.key(":ts:names");
  }

  /** Sorted set: the workers, by idle timeout. */
  get workers(): string {
    return this.key(":ts:workers");
  }

  /** Hash: for each task that was aborted before it started, how many stream entries are to be dropped. */
  get dropped(): string {
    return this.key(":ts:dropped");
  }

  /** Set: the priorities whose streams may have entries to be dropped, as far as workers and aborting clients know. */
  get priorities(): string {
    return this.key(":ts:priorities");
  }

  /** List: the ids of the most recent results, latest first. */
  get recent(): string {
    return this.key(":ts:results");
  }

  /**
   * The completion mark of a task that was aborted, has failed with a dependency, or whose result is not kept for long.
   */
  ended(taskId: string): string {
    return this.key(":ts:ended:", taskId);
  }

  /** Sorted set: the tasks whose failure is kept, by the time of the failure. */
  get failures(): string {
    return this.key(":ts:failures");
  }

  /** The record of a task whose failure is kept. */
  failedRecord(taskId: string): string {
    return this.key(":ts:failed:", taskId);
  }

  /** The input that was piped into such a task. */
  failedInput(taskId: string): string {
    return this.key(":ts:failedinput:", taskId);
  }

  /** A kept failure, see `keepFailures`. */
  failure(taskId: string): string {
    return this.key(":ts:failure:", taskId);
  }

  /** Set: the tasks whose failure is kept that failed with a task. */
  failedWith(taskId: string): string {
    return this.key(":ts:failedwith:", taskId);
  }

  /** How many kept failures a call has dropped; for a minute. */
  purged(token: string): string {
    return this.key(":ts:purged:", token);
  }

  /** The lease whose run was the last try of a task that was deferred, for a minute. */
  retried(taskId: string): string {
    return this.key(":ts:retried:", taskId);
  }

  /** List: the dead letters, stream entries that named no task. */
  get deadLetters(): string {
    return this.key(":ts:dead");
  }

  /** Set: the running tasks of streaQ for Python; workers of this package do not write it. */
  get pythonRunning(): string {
    return this.key(":index:running");
  }

  /** Sorted set: the results of streaQ for Python; workers of this package do not write it. */
  get pythonResults(): string {
    return this.key(":index:results");
  }

  /** The channel on which scripts publish events that cannot wait. */
  get wake(): string {
    return this.key(":ts:wake");
  }
}

/** The keys of one queue, as text. */
export class Keys extends KeyTable {
  /** Beginning of every key of the queue. */
  readonly prefix: string;

  constructor(queueName: string) {
    super();
    this.prefix = `streaq:${queueName}`;
  }

  protected override key(suffix: string, member = ""): string {
    return this.prefix + suffix + member;
  }
}

class LuaKeys extends KeyTable {
  protected override key(suffix: string, member = ""): string {
    return `prefix .. '${suffix}'${member && ` .. ${member}`}`;
  }
}

/**
 * The keys as Lua expressions, for scripts that have `prefix`; members of families are expressions too:
 * `lua.data("id")` is `prefix .. ':task:data:' .. id`.
 */
export const lua: KeyTable = new LuaKeys();

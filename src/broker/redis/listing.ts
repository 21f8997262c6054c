import type { Payload } from "../contract/payload.ts";
import type { StoredSchedule } from "../contract/schedule.ts";
import type { Found, OpenState } from "../contract/task.ts";
import { pages } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";
import { loadRecords, loadResults, recordsPerCall } from "./load_results.ts";
import { type ScoreReply, scores } from "./scores.ts";
import { find } from "./scripts/look/find.ts";
import { readNote } from "./scripts/schedule/note.ts";

/** How many ids one step examines. */
const pageLength = 500;
/** Maximum number of dependencies, and of dependents, listed with each task. */
const relatives = 100;
/** How many ids beyond the requested number of tasks one listing examines. */
const extraLimit = 20_000;

/** Options of a {@linkcode Listing}. */
export interface ListingOptions {
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
}

/**
 * Lists tasks, results and schedules with plain commands, each of which takes a bounded time in a queue of any size.
 * Each task is consistent in itself; a list is no snapshot of the queue.
 */
export class Listing {
  readonly #redis: CommandSender;
  readonly #keys: Keys;
  readonly #options: ListingOptions;

  constructor(redis: CommandSender, keys: Keys, options: ListingOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#options = options;
  }

  /** Tasks in a state, at most `limit`; of one priority, or of all, highest first. */
  async list(state: OpenState, limit: number, priority: string | undefined): Promise<Found[]> {
    const { priorities, binary } = this.#options;
    const listed = new Map<string, Found>();
    let examined = 0;
    for await (const ids of this.#candidates(state, priority === undefined ? priorities.toReversed() : [priority])) {
      while (ids.length > 0 && listed.size < limit) {
        const page = ids.splice(0, limit - listed.size);
        const found = await Promise.all(
          page.map((id) => find(this.#redis, this.#keys, priorities, id, { binary, relatives })),
        );
        for (const task of found) if (task?.state === state) listed.set(task.taskId, task);
      }
      examined += pageLength;
      if (listed.size === limit || examined >= limit + extraLimit) break;
    }
    return [...listed.values()];
  }

  /** The most recent results, latest first, at most `limit`. */
  async recent(limit: number): Promise<[taskId: string, result: Payload][]> {
    const ids = new Set(await this.#redis.command<string[]>(["LRANGE", this.#keys.recent, 0, -1]));
    const results: [string, Payload][] = [];
    for (const page of pages([...ids], Math.min(limit, recordsPerCall))) {
      const found = await loadResults(this.#redis, this.#keys, page, this.#options);
      found.forEach((result, i) => {
        if (result !== null && results.length < limit) results.push([page[i]!, result]);
      });
      if (results.length === limit) break;
    }
    return results;
  }

  /** Number of tasks that have not finished. */
  async size(includeScheduled: boolean): Promise<number> {
    const { priorities } = this.#options;
    const [dropped = 0, ...counts] = await Promise.all([
      this.#redis.command<number>(["HLEN", this.#keys.dropped]),
      ...priorities.map((priority) => this.#redis.command<number>(["XLEN", this.#keys.stream(priority)])),
      ...(includeScheduled ? priorities : []).map((priority) => {
        return this.#redis.command<number>(["ZCARD", this.#keys.delayed(priority)]);
      }),
      ...(includeScheduled ? [this.#redis.command<number>(["HLEN", this.#keys.waiting])] : []),
    ]);
    // Entries of tasks that were aborted before they started are still in their streams.
    return Math.max(0, counts.reduce((sum, count) => sum + count, 0) - dropped);
  }

  /** Schedules in the order in which they are due next, at most `limit`. */
  async schedules(limit: number): Promise<StoredSchedule[]> {
    const command = ["ZRANGE", this.#keys.scheduleTimes, 0, limit - 1, "WITHSCORES"] as const;
    const times = scores(await this.#redis.command<ScoreReply>([...command]));
    if (times.length === 0) return [];
    const names = times.map(([name]) => name);
    const [expressions, notes, records] = await Promise.all([
      this.#redis.command<(string | null)[]>(["HMGET", this.#keys.scheduleExpressions, ...names]),
      this.#redis.command<(string | null)[]>(["HMGET", this.#keys.scheduleNotes, ...names]),
      loadRecords(this.#redis, names.map((name) => this.#keys.scheduleData(name)), this.#options),
    ]);
    return times.flatMap(([name, time], i) => {
      const [expression, data] = [expressions[i], records[i]];
      // A schedule that was removed meanwhile.
      if (typeof expression !== "string" || data === null || data === undefined) return [];
      return [{ name, time, expression, data, ...readNote(notes[i] ?? "") }];
    });
  }

  /** Ids of tasks that may be in a state, page by page. */
  async *#candidates(state: OpenState, priorities: readonly string[]): AsyncGenerator<string[]> {
    if (state === "running") return yield* this.#inHash(this.#keys.running, priorities, priorityOfRun);
    for (const priority of priorities) yield* state === "queued" ? this.#queued(priority) : this.#delayed(priority);
    if (state === "scheduled") yield* this.#inHash(this.#keys.waiting, priorities, (value) => value);
  }

  /** Ids in a hash whose value names one of the priorities, in no particular order. */
  async *#inHash(
    key: string,
    priorities: readonly string[],
    priorityOf: (value: string) => string,
  ): AsyncGenerator<string[]> {
    let cursor = "0";
    do {
      const command = ["HSCAN", key, cursor, "COUNT", pageLength] as const;
      const [next, fields] = await this.#redis.command<[string, string[]]>([...command]);
      const ids = fields.filter((_, i) => i % 2 === 0 && priorities.includes(priorityOf(fields[i + 1]!)));
      yield* pages(ids, pageLength);
      cursor = next;
    } while (cursor !== "0");
  }

  async *#queued(priority: string): AsyncGenerator<string[]> {
    let from = "-";
    for (;;) {
      const entries = await this.#redis.command<[id: string, fields: string[]][]>(
        ["XRANGE", this.#keys.stream(priority), from, "+", "COUNT", pageLength],
      );
      const ids = entries.flatMap(([, [name, id]]) => name === "task_id" && id ? [id] : []);
      if (ids.length > 0) {
        const runs = await this.#redis.command<(string | null)[]>(["HMGET", this.#keys.running, ...ids]);
        yield ids.filter((_, i) => runs[i] === null);
      }
      if (entries.length < pageLength) return;
      from = `(${entries.at(-1)![0]}`;
    }
  }

  async *#delayed(priority: string): AsyncGenerator<string[]> {
    for (let start = 0;; start += pageLength) {
      const key = this.#keys.delayed(priority);
      const ids = await this.#redis.command<string[]>(["ZRANGE", key, start, start + pageLength - 1]);
      if (ids.length > 0) yield ids;
      if (ids.length < pageLength) return;
    }
  }
}

/** The priority in the note of a run: `<entry> <deliveries> <crashes> <priority>:<consumer>`. */
function priorityOfRun(note: string): string {
  return /^\S+ \S+ \S+ ([^:]*):/.exec(note)?.[1] ?? "";
}

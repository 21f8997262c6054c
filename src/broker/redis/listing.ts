import type { CommandSender } from "./command_sender.ts";
import type { Payload } from "../contract/payload.ts";
import type { StoredSchedule } from "../contract/schedule.ts";
import type { Found, OpenState } from "../contract/task.ts";
import { pages } from "./chunks.ts";
import type { Keys } from "./keys.ts";
import { find } from "./scripts/look/find.ts";
import { readNote } from "./scripts/schedule/note.ts";

/** How many ids are looked at in one step. */
const page = 500;
/** How many dependencies and how many dependents of each task are listed. */
const relatives = 100;
/** How many ids are looked at for one listing, beyond those asked for. */
const lookLimit = 20_000;

/** What a {@linkcode Listing} needs of its queue. */
export interface ListingOptions {
  /** From lowest to highest. */
  readonly priorities: readonly string[];
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
}

/**
 * Looks into a queue, with plain commands that each take a bounded time, however much is in it. What it finds was so at
 * one moment for each task, not for all of them.
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

  /** Tasks in a state, at most `limit`; those of one priority, or of all, highest first. */
  async list(state: OpenState, limit: number, priority: string | undefined): Promise<Found[]> {
    const { priorities, binary } = this.#options;
    const listed = new Map<string, Found>();
    let looked = 0;
    for await (const ids of this.#candidates(state, priority === undefined ? priorities.toReversed() : [priority])) {
      while (ids.length > 0 && listed.size < limit) {
        const part = ids.splice(0, limit - listed.size);
        const found = await Promise.all(
          part.map((id) => find(this.#redis, this.#keys, priorities, id, { binary, relatives })),
        );
        for (const task of found) if (task?.state === state) listed.set(task.taskId, task);
      }
      looked += page;
      if (listed.size === limit || looked >= limit + lookLimit) break;
    }
    return [...listed.values()];
  }

  /** The most recent results, latest first, at most `limit`. */
  async recent(limit: number): Promise<[taskId: string, result: Payload][]> {
    const ids = new Set(await this.#redis.command<string[]>(["LRANGE", this.#keys.recent, 0, -1]));
    const results: [string, Payload][] = [];
    for (const part of pages([...ids], Math.min(limit, page))) {
      const keys = part.map((id) => this.#keys.result(id));
      const found = await this.#redis.command<(Payload | null)[]>(["MGET", ...keys], this.#options);
      found.forEach((result, i) => {
        if (result !== null && results.length < limit) results.push([part[i]!, result]);
      });
      if (results.length === limit) break;
    }
    return results;
  }

  /** How many tasks have not ended. */
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
    // Entries of tasks that were aborted before anybody had started them are dropped later.
    return Math.max(0, counts.reduce((sum, count) => sum + count, 0) - dropped);
  }

  /** Tasks that repeat, the soonest first. */
  async schedules(limit: number): Promise<StoredSchedule[]> {
    const command = ["ZRANGE", this.#keys.scheduleTimes, 0, limit - 1, "WITHSCORES"] as const;
    const times = scores(await this.#redis.command<ScoreReply>([...command]));
    if (times.length === 0) return [];
    const names = times.map(([name]) => name);
    const [expressions, notes, records] = await Promise.all([
      this.#redis.command<(string | null)[]>(["HMGET", this.#keys.scheduleExpressions, ...names]),
      this.#redis.command<(string | null)[]>(["HMGET", this.#keys.scheduleNotes, ...names]),
      this.#redis.command<(Payload | null)[]>(
        ["MGET", ...names.map((name) => this.#keys.scheduleData(name))],
        this.#options,
      ),
    ]);
    return times.flatMap(([name, time], i) => {
      const [expression, data] = [expressions[i], records[i]];
      // One that was unscheduled meanwhile.
      if (typeof expression !== "string" || data === null || data === undefined) return [];
      return [{ name, time, expression, data, ...readNote(notes[i] ?? "") }];
    });
  }

  /** Ids of tasks that may be in a state, page by page. */
  async *#candidates(state: OpenState, priorities: readonly string[]): AsyncGenerator<string[]> {
    if (state === "running") return yield* this.#noted(this.#keys.running, priorities, priorityOf);
    for (const priority of priorities) yield* state === "queued" ? this.#queued(priority) : this.#delayed(priority);
    if (state === "scheduled") yield* this.#noted(this.#keys.waiting, priorities, (note) => note);
  }

  /** The ids in a hash whose notes name one of the priorities; they come in no order. */
  async *#noted(
    key: string,
    priorities: readonly string[],
    priorityOf: (note: string) => string,
  ): AsyncGenerator<string[]> {
    let cursor = "0";
    do {
      const [next, fields] = await this.#redis.command<[string, string[]]>(
        ["HSCAN", key, cursor, "COUNT", page],
      );
      const ids = fields.filter((_, i) => i % 2 === 0 && priorities.includes(priorityOf(fields[i + 1]!)));
      yield* pages(ids, page);
      cursor = next;
    } while (cursor !== "0");
  }

  async *#queued(priority: string): AsyncGenerator<string[]> {
    let from = "-";
    for (;;) {
      const entries = await this.#redis.command<[id: string, fields: string[]][]>(
        ["XRANGE", this.#keys.stream(priority), from, "+", "COUNT", page],
      );
      const ids = entries.flatMap(([, [name, id]]) => name === "task_id" && id ? [id] : []);
      if (ids.length > 0) {
        const marks = await this.#redis.command<(string | null)[]>(["HMGET", this.#keys.running, ...ids]);
        yield ids.filter((_, i) => marks[i] === null);
      }
      if (entries.length < page) return;
      from = `(${entries.at(-1)![0]}`;
    }
  }

  async *#delayed(priority: string): AsyncGenerator<string[]> {
    for (let start = 0;; start += page) {
      const key = this.#keys.delayed(priority);
      const ids = await this.#redis.command<string[]>(["ZRANGE", key, start, start + page - 1]);
      if (ids.length > 0) yield ids;
      if (ids.length < page) return;
    }
  }
}

/** Members with their scores: pairs in RESP3, in turn in RESP2. */
type ScoreReply = [member: string, score: number][] | string[];

function scores(reply: ScoreReply): [member: string, score: number][] {
  if (typeof reply[0] !== "string") return reply as [string, number][];
  return [...pages(reply as string[], 2)].map(([member, score]) => [member!, Number(score)]);
}

/** Out of `<entry> <deliveries> <crashes> <priority>:<consumer>`. */
function priorityOf(mark: string): string {
  return /^\S+ \S+ \S+ ([^:]*):/.exec(mark)?.[1] ?? "";
}

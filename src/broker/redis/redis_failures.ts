import { StreaqError } from "../../base/errors.ts";
import type { Failures, KeptFailure, ListedFailure, Revival, Revived } from "../contract/failures.ts";
import type { RecordReader } from "../contract/result.ts";
import { pages } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";
import { loadRecords, loadResults } from "./load_results.ts";
import type { ResendingClient } from "./resending_client.ts";
import { type ScoreReply, scores } from "./scores.ts";
import { purge } from "./scripts/failures/purge.ts";
import { readFailure } from "./scripts/reply/failure.ts";
import { revive } from "./scripts/failures/revive.ts";

/** Options of {@linkcode RedisFailures}. */
export interface RedisFailuresOptions {
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
}

/** How many failures one call drops, or queues again. */
const callLimit = 500;
/** How often the outcomes of dependencies are read, which may change meanwhile. */
const roundLimit = 10;
const tooManyChanges = "The dependencies kept changing while the task was queued again";

/** The kept failures of a queue on Redis. */
export class RedisFailures implements Failures {
  readonly #newSender: () => ResendingClient;
  readonly #redis: CommandSender;
  readonly #keys: Keys;
  readonly #options: RedisFailuresOptions;

  constructor(newSender: () => ResendingClient, keys: Keys, options: RedisFailuresOptions) {
    this.#newSender = newSender;
    this.#redis = newSender();
    this.#keys = keys;
    this.#options = options;
  }

  async list(): Promise<ListedFailure[]> {
    const command = ["ZREVRANGE", this.#keys.failures, 0, -1, "WITHSCORES"] as const;
    const reply = scores(await this.#redis.command<ScoreReply>([...command]));
    return reply.map(([taskId, time]) => ({ taskId, time }));
  }

  async count(): Promise<number> {
    return await this.#redis.command<number>(["ZCARD", this.#keys.failures]);
  }

  async load(taskIds: readonly string[]): Promise<(KeptFailure | null)[]> {
    if (taskIds.length === 0) return [];
    const [times, records, failures] = await Promise.all([
      this.#redis.command<(string | number | null)[]>(["ZMSCORE", this.#keys.failures, ...taskIds]),
      loadRecords(this.#redis, taskIds.map((id) => this.#keys.failedRecord(id)), this.#options),
      loadRecords(this.#redis, taskIds.map((id) => this.#keys.failure(id)), this.#options),
    ]);
    return taskIds.map((taskId, i) => {
      const [time, data, failure] = [times[i], records[i], failures[i]];
      if (time == null || data == null || failure == null) return null;
      return readFailure({ taskId, time: Number(time) }, data, failure);
    });
  }

  async companions(taskIds: readonly string[]): Promise<string[][]> {
    return await Promise.all(taskIds.map(async (id) => {
      // RESP3 has sets, RESP2 has lists.
      return [...await this.#redis.command<Set<string> | string[]>(["SMEMBERS", this.#keys.failedWith(id)])];
    }));
  }

  async revive(revivals: readonly Revival[]): Promise<Revived[]> {
    const answers: Revived[] = [];
    // Each is queued in one step. If another process interferes in between, the later ones are still kept.
    for (const page of pages(revivals, callLimit)) answers.push(...await this.#revive(page));
    return answers;
  }

  async purge(taskIds: readonly string[]): Promise<number> {
    let purged = 0;
    for (const page of pages(taskIds, callLimit)) purged += await purge(this.#redis, this.#keys, page);
    return purged;
  }

  /** Scripts read no records, so the results of finished dependencies are read here. */
  async #revive(revivals: readonly Revival[]): Promise<Revived[]> {
    const answers = new Map<string, Revived>();
    const verdicts = new Map<string, boolean>();
    let left = revivals;
    for (let round = 0; left.length > 0 && round < roundLimit; round++) {
      const sender = this.#newSender();
      const found = await revive(sender, this.#keys, left, verdicts);
      const [unread, undecided] = [new Set<string>(), new Set<string>()];
      left = left.filter(({ taskId, after }, i) => {
        const answer = found[i]!;
        const isFinal = typeof answer === "string" || answer instanceof Error;
        if (!isFinal) answer.forEach((id) => unread.add(id));
        // It is not blocked for good by one that is still to be decided.
        if (!isFinal || (answer === "blocked" && after.some((id) => undecided.has(id)))) return undecided.add(taskId);
        // Then it is this call that has queued it, even if it has failed again since.
        const mayBeQueued = sender.mayHaveRepeated && (answer === "exists" || answer === "missing");
        answers.set(taskId, mayBeQueued ? "queued" : answer);
        return false;
      });
      await this.#readVerdicts([...unread], verdicts);
    }
    return revivals.map(({ taskId }) => answers.get(taskId) ?? new StreaqError(tooManyChanges));
  }

  async #readVerdicts(taskIds: readonly string[], verdicts: Map<string, boolean>): Promise<void> {
    if (taskIds.length === 0) return;
    const results = await loadResults(this.#redis, this.#keys, taskIds, this.#options);
    results.forEach((result, i) => {
      const id = taskIds[i]!;
      if (result === null) verdicts.delete(id);
      else verdicts.set(id, this.#options.reader.hasSucceeded(id, result));
    });
  }
}

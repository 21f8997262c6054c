import { StreaqError } from "../../base/errors.ts";
import type { Cancellable } from "../contract/cancellable.ts";
import type { RecordReader } from "../contract/result.ts";
import type { NewTask, Published } from "../contract/task.ts";
import { inChunks } from "./chunks.ts";
import type { CommandSender } from "./command_sender.ts";
import type { Keys } from "./keys.ts";
import { chunksOfRows, type LinkRow } from "./link_rows.ts";
import { loadResults } from "./load_results.ts";
import { gather } from "./scripts/enqueue/gather.ts";
import { edgeLimit, link, type LinkedTask } from "./scripts/enqueue/link.ts";
import type { Obstacle } from "./scripts/enqueue/obstacle.ts";

/** Options of {@linkcode publishLinked}. */
export interface LinkingOptions extends Cancellable {
  readonly redis: CommandSender;
  readonly keys: Keys;
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
}

/** Maximum number of calls at once. */
const callsAtOnce = 8;
/** After how many rounds without progress a task is refused: each time, its dependencies have changed meanwhile. */
const roundLimit = 20;
/** After how many rounds without progress the dependencies of a task are stored before the task itself. */
const gatherRound = 2;

/**
 * Stores tasks that depend on stored tasks or on those before them, and pipelines.
 *
 * @returns The outcome for each task, in order.
 */
export async function publishLinked(tasks: readonly NewTask[], options: LinkingOptions): Promise<Published[]> {
  const answers = new Array<Published>(tasks.length).fill("created");
  let [ids, inFlight]: [Set<string>, Promise<void>[]] = [new Set(), []];
  for (const chunk of chunksOfRows(tasks)) {
    // Calls in flight may be executed in any order, because each is sent again by itself.
    const isBound = chunk.some(({ after }) => after.some((id) => ids.has(id)));
    if (isBound || inFlight.length === callsAtOnce) {
      await Promise.all(inFlight);
      [ids, inFlight] = [new Set(), []];
    }
    for (const { task } of chunk) ids.add(task.id);
    const fail = (error: unknown) => {
      for (const { index } of chunk) answers[index] = error instanceof Error ? error : new Error(String(error));
    };
    inFlight.push(new Linking(answers, options).store(chunk).catch(fail));
  }
  await Promise.all(inFlight);
  return answers;
}

/**
 * Stores one chunk, with as many calls as it takes to learn the states of the dependencies: scripts read no records, so
 * the results of finished dependencies are read here.
 */
class Linking {
  readonly #answers: Published[];
  readonly #options: LinkingOptions;
  readonly #verdicts = new Map<string, boolean>();

  constructor(answers: Published[], options: LinkingOptions) {
    this.#answers = answers;
    this.#options = options;
  }

  async store(chunk: readonly LinkRow[]): Promise<void> {
    let rows = chunk;
    let round = 0;
    while (rows.length > 0) {
      if (round === roundLimit) throw new StreaqError("The dependencies kept changing while the task was stored");
      const [first, count] = [rows[0]!, rows.length];
      if (needsGathering(first, round)) {
        const pipeline = rows.filter(({ index }) => index === first.index);
        const obstacles = await this.#gather(first, pipeline.slice(1));
        rows = [...await this.#settle(pipeline, obstacles), ...rows.slice(pipeline.length)];
      } else {
        rows = await this.#settle(rows, await this.#link(rows));
      }
      round = rows.length < count ? 0 : round + 1;
    }
  }

  #link(rows: readonly LinkedTask[]): Promise<(Obstacle | undefined)[]> {
    const { redis, keys, signal } = this.#options;
    return link(redis, keys, rows, this.#verdicts, { signal });
  }

  /**
   * Stores the dependencies of a task, then the task and the pipeline behind it. Stored dependencies stay, so this
   * makes progress even while others keep finishing.
   */
  async #gather(row: LinkRow, piped: readonly LinkRow[]): Promise<readonly (Obstacle | undefined)[]> {
    const { redis, keys, signal } = this.#options;
    const token = crypto.randomUUID();
    let isFirst = true;
    for (const chunk of inChunks(row.after, edgeLimit)) {
      let after = chunk;
      while (after.length > 0) {
        const edges = { token, isFirst, after };
        const obstacle = await gather(redis, keys, row.task.id, edges, this.#verdicts, { signal });
        isFirst = false;
        if (obstacle && obstacle.kind !== "unread") {
          // A task with a failed dependency needs no others.
          if (obstacle.kind === "failed" && row.failure) return await this.#link([{ ...row, after }, ...piped]);
          return [obstacle, ...piped.map((): Obstacle => ({ kind: "postponed" }))];
        }
        after = obstacle?.taskIds ?? [];
        await this.#readVerdicts(after);
      }
    }
    return await this.#link([{ ...row, after: [], token }, ...piped]);
  }

  /** Sets the answers that are final, and returns the rows for the next round. */
  async #settle(rows: readonly LinkRow[], obstacles: readonly (Obstacle | undefined)[]): Promise<LinkRow[]> {
    const { reader } = this.#options;
    const next: LinkRow[] = [];
    /** By id of a task that is to fail, the task that failed first. */
    const failing = new Map<string, string>();
    rows.forEach((row, i) => {
      const obstacle = obstacles[i];
      if (!obstacle) return;
      const answer = answerTo(obstacle);
      if (answer !== undefined) return this.#answer(row, answer);
      const failedId = obstacle.kind === "failed"
        ? obstacle.taskId
        : row.after.map((id) => failing.get(id)).find(Boolean);
      if (failedId === undefined) {
        next.push(row);
        return;
      }
      failing.set(row.task.id, failedId);
      next.push({ ...row, failure: { ...reader.failDependent(row.task.id, row.task.data, failedId), failedId } });
    });
    await this.#readVerdicts(obstacles.flatMap((obstacle) => obstacle?.kind === "unread" ? obstacle.taskIds : []));
    return next;
  }

  /**
   * Sets the answer of a task or pipeline. Of a pipeline the answer of the first task counts, unless another is
   * refused.
   */
  #answer({ index, isPiped }: LinkRow, answer: Published): void {
    if (answer instanceof Error ? !(this.#answers[index] instanceof Error) : !isPiped) this.#answers[index] = answer;
  }

  /** Reads whether finished tasks have succeeded. */
  async #readVerdicts(taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    const { redis, keys, reader } = this.#options;
    const ids = [...new Set(taskIds)];
    const results = await loadResults(redis, keys, ids, this.#options);
    results.forEach((result, i) => {
      const id = ids[i]!;
      if (result === null) this.#verdicts.delete(id);
      else this.#verdicts.set(id, reader.hasSucceeded(id, result));
    });
  }
}

/** Whether the dependencies of a task are stored before the task: they are too many for one call, or keep changing. */
function needsGathering({ after, failure, isPiped }: LinkRow, round: number): boolean {
  if (after.length > edgeLimit) return true;
  return round >= gatherRound && after.length > 0 && !failure && !isPiped;
}

/** The answer that a final obstacle means; `undefined` for one that another round overcomes. */
function answerTo(obstacle: Obstacle): Published | undefined {
  switch (obstacle.kind) {
    case "exists":
    case "done":
      return obstacle.kind;
    case "unknown":
      return new StreaqError(`Dependency ${obstacle.taskId} is unknown, or its result is gone`);
    case "unpiped":
      return new StreaqError(`Task ${obstacle.taskId} was enqueued before, and is not piped into this task`);
    case "refused":
      return new Error(obstacle.message);
  }
}

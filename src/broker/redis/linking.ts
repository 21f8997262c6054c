import type { CommandSender } from "./command_sender.ts";
import { StreaqError } from "../../base/errors.ts";
import type { Cancellable } from "../contract/cancellable.ts";
import type { RecordReader } from "../contract/result.ts";
import type { NewTask, Published } from "../contract/task.ts";
import type { Keys } from "./keys.ts";
import { loadResults } from "./load_results.ts";
import { inChunks } from "./chunks.ts";
import { partsOf, type Row } from "./link_rows.ts";
import { gather } from "./scripts/enqueue/gather.ts";
import { edgeLimit, link, type Linked } from "./scripts/enqueue/link.ts";
import type { Obstacle } from "./scripts/enqueue/obstacle.ts";

/** What a {@linkcode Linking} needs. */
export interface LinkingOptions extends Cancellable {
  readonly redis: CommandSender;
  readonly keys: Keys;
  /** Whether records are bytes, not text. */
  readonly binary: boolean;
  readonly reader: RecordReader;
}

/** How many calls are under way at once. */
const partsAtOnce = 8;
/** How often storing tasks begins anew, because what they depend on has changed meanwhile. */
const roundLimit = 20;
/** After how many rounds a task is stored edge by edge: those that it depends on end while they are looked at. */
const patience = 2;

/**
 * Stores tasks that depend on stored ones or on those before them, or are piped into each other; answers in order.
 */
export async function publishLinked(tasks: readonly NewTask[], options: LinkingOptions): Promise<Published[]> {
  const answers = new Array<Published>(tasks.length).fill("created");
  let [ids, underWay]: [Set<string>, Promise<void>[]] = [new Set(), []];
  for (const part of partsOf(tasks)) {
    // What is under way may come in any order, for each call is repeated by itself.
    const isBound = part.some(({ after }) => after.some((id) => ids.has(id)));
    if (isBound || underWay.length === partsAtOnce) {
      await Promise.all(underWay);
      [ids, underWay] = [new Set(), []];
    }
    for (const { task } of part) ids.add(task.id);
    const failed = (error: unknown) => {
      for (const { place } of part) answers[place] = error instanceof Error ? error : new Error(String(error));
    };
    underWay.push(new Linking(answers, options).store(part).catch(failed));
  }
  await Promise.all(underWay);
  return answers;
}

/**
 * Stores what goes in one call, with as many calls as it takes to learn how its dependencies stand: scripts read no
 * records, so the results of those that have ended are read here.
 */
class Linking {
  readonly #answers: Published[];
  readonly #options: LinkingOptions;
  readonly #verdicts = new Map<string, boolean>();

  constructor(answers: Published[], options: LinkingOptions) {
    this.#answers = answers;
    this.#options = options;
  }

  async store(part: readonly Row[]): Promise<void> {
    let rows = part;
    let round = 0;
    while (rows.length > 0) {
      if (round === roundLimit) throw new StreaqError("What it depends on keeps changing while it is stored");
      const [first, count] = [rows[0], rows.length];
      // With all that it is piped into, which is stored in the same call.
      const pipeline = rows.filter(({ place }) => place === first!.place);
      const isHard = round >= patience && first!.after.length > 0 && !first!.failure;
      if (first!.after.length > edgeLimit || (isHard && !first!.isPiped)) {
        const obstacles = await this.#storeWide(first!, pipeline.slice(1));
        rows = [...await this.#settle(pipeline, obstacles), ...rows.slice(pipeline.length)];
      } else {
        rows = await this.#settle(rows, await this.#link(rows));
      }
      // Only those that bring nothing count.
      round = rows.length < count ? 0 : round + 1;
    }
  }

  #link(rows: readonly Linked[]): Promise<(Obstacle | undefined)[]> {
    const { redis, keys, signal } = this.#options;
    return link(redis, keys, rows, this.#verdicts, { signal });
  }

  /** Stores a task after its edges. Edges that are there stay, so it comes to an end however fast others do. */
  async #storeWide(row: Row, piped: readonly Row[]): Promise<readonly (Obstacle | undefined)[]> {
    const { redis, keys, signal } = this.#options;
    const token = crypto.randomUUID();
    let isFirst = true;
    for (const part of inChunks(row.after, edgeLimit)) {
      let after = part;
      while (after.length > 0) {
        const edges = { token, isFirst, after };
        const obstacle = await gather(redis, keys, row.task.id, edges, this.#verdicts, { signal });
        isFirst = false;
        if (obstacle && obstacle.kind !== "ended") {
          // What it fails with is enough to store it.
          if (obstacle.kind === "failed" && row.failure) return await this.#link([{ ...row, after }, ...piped]);
          return [obstacle, ...piped.map((): Obstacle => ({ kind: "later" }))];
        }
        after = obstacle?.taskIds ?? [];
        await this.#readResults(after);
      }
    }
    return await this.#link([{ ...row, after: [], token }, ...piped]);
  }

  /** Notes the answers that are final, and returns the rows that are to be stored anew. */
  async #settle(rows: readonly Row[], obstacles: readonly (Obstacle | undefined)[]): Promise<Row[]> {
    const { reader } = this.#options;
    const again: Row[] = [];
    /** Tasks that will fail, by id, each with the one to blame. */
    const failing = new Map<string, string>();
    rows.forEach((row, i) => {
      const obstacle = obstacles[i];
      if (!obstacle) return;
      const answer = answerTo(obstacle);
      if (answer !== undefined) return this.#answer(row, answer);
      const blamed = obstacle.kind === "failed"
        ? obstacle.taskId
        : row.after.map((id) => failing.get(id)).find(Boolean);
      if (blamed === undefined) {
        again.push(row);
        return;
      }
      failing.set(row.task.id, blamed);
      const failure = { ...reader.failDependent(row.task.id, row.task.data, blamed), failedId: blamed };
      again.push({ ...row, failure });
    });
    await this.#readResults(obstacles.flatMap((obstacle) => obstacle?.kind === "ended" ? obstacle.taskIds : []));
    return again;
  }

  /** Of several that are piped into each other the first answer counts, unless one is refused. */
  #answer({ place, isPiped }: Row, answer: Published): void {
    if (answer instanceof Error ? !(this.#answers[place] instanceof Error) : !isPiped) this.#answers[place] = answer;
  }

  /** Reads whether tasks have succeeded. */
  async #readResults(taskIds: readonly string[]): Promise<void> {
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

/** What a final obstacle means to who has enqueued the task; `undefined` for one that passes. */
function answerTo(obstacle: Obstacle): Published | undefined {
  switch (obstacle.kind) {
    case "exists":
    case "done":
      return obstacle.kind;
    case "unknown":
      return new StreaqError(`it depends on a task that is unknown, or whose result is gone: ${obstacle.taskId}`);
    case "unpiped":
      return new StreaqError(`it is piped from a task that was enqueued before without it: ${obstacle.taskId}`);
    case "refused":
      return new Error(obstacle.message);
  }
}

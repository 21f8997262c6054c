import { StreaqError } from "../../base/errors.ts";
import type { RecordReader } from "../contract/result.ts";
import type { NewTask, Published } from "../contract/task.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";
import { storedPayload } from "./payload.ts";

/**
 * Stores a task together with the pipeline behind it.
 *
 * @returns The first error, or the answer for the first task.
 */
export function publish(queue: MemoryQueue, task: NewTask, reader: RecordReader): Published {
  const [first, ...piped] = pipelineFrom(task);
  const publishing = new Publishing(queue, reader, sizeOf(task));
  let answer = publishing.store(first!, first!.after ?? []);
  for (const [i, step] of piped.entries()) {
    const { id } = i === 0 ? first! : piped[i - 1]!;
    const next = publishing.store(step, [id], { isPiped: true });
    if (next instanceof Error && !(answer instanceof Error)) answer = next;
  }
  return answer;
}

/** The step in which a task and its pipeline are stored. */
class Publishing {
  readonly #queue: MemoryQueue;
  readonly #reader: RecordReader;
  readonly #refusal: StreaqError | undefined;
  /** The ids of the tasks that were stored in this step. */
  readonly #stored = new Set<string>();

  constructor(queue: MemoryQueue, reader: RecordReader, { tasks, bytes }: { tasks: number; bytes: number }) {
    this.#queue = queue;
    this.#reader = reader;
    this.#refusal = queue.budget.refusal(tasks, bytes);
  }

  /** Stores one task, and queues, delays, defers or fails it; returns an error when it is refused. */
  store(task: NewTask, after: readonly string[], { isPiped = false } = {}): Published {
    const existing = this.#queue.existing(task.id);
    if (existing) return existing;
    const unfinished: MemoryTask[] = [];
    let failed: { readonly failedId: string; readonly blocker: string } | null = null;
    for (const id of new Set(after)) {
      const dependency = this.#queue.task(id);
      const outcome = dependency ? undefined : this.#queue.results.outcome(id);
      if (!dependency && !outcome) {
        return new StreaqError(`Dependency ${id} is unknown, or its result is gone`);
      }
      if (outcome?.failedId != null) failed ??= { failedId: outcome.failedId, blocker: id };
      if (isPiped && !this.#stored.has(id) && !outcome?.failedId) {
        return new StreaqError(`Task ${id} was enqueued before, and is not piped into this task`);
      }
      if (dependency) unfinished.push(dependency);
    }
    if (this.#refusal) return this.#refusal;
    this.#stored.add(task.id);
    if (failed) this.#fail(task, failed);
    else if (unfinished.length > 0) this.#queue.dependencies.defer(this.#queue.add(task), unfinished, task.due);
    else this.#queue.enqueueOrDelay(this.#queue.add(task), task.due);
    return "created";
  }

  /** Stores the outcome of a task whose dependency has failed. */
  #fail(task: NewTask, failed: { readonly failedId: string; readonly blocker: string }): void {
    const { id, data, priority } = task;
    const result = this.#reader.failDependent(id, data, failed.failedId);
    const outcome = { ...result, ...failed, by: "", deliveries: 0 };
    this.#queue.keepOrDrop({ id, data: storedPayload(data) }, priority, outcome);
    this.#queue.results.store(id, outcome);
  }
}

function pipelineFrom(first: NewTask): NewTask[] {
  const tasks: NewTask[] = [];
  for (let task: NewTask | undefined = first; task; task = task.next) tasks.push(task);
  return tasks;
}

function sizeOf(first: NewTask): { tasks: number; bytes: number } {
  let [tasks, bytes] = [0, 0];
  for (let task: NewTask | undefined = first; task; task = task.next) {
    tasks++;
    bytes += task.data.length;
  }
  return { tasks, bytes };
}

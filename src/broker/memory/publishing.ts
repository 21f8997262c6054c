import { StreaqError } from "../../base/errors.ts";
import type { RecordReader } from "../contract/result.ts";
import type { NewTask, Published } from "../contract/task.ts";
import type { MemoryQueue } from "./memory_queue.ts";
import type { MemoryTask } from "./memory_task.ts";

/** Stores a task with all that it is piped into. Of several answers the first counts, unless one is refused. */
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

/** One step in which tasks are stored. */
class Publishing {
  readonly #queue: MemoryQueue;
  readonly #reader: RecordReader;
  readonly #refusal: StreaqError | undefined;
  /** The ids of what was stored in this step. */
  readonly #own = new Set<string>();

  constructor(queue: MemoryQueue, reader: RecordReader, { tasks, bytes }: { tasks: number; bytes: number }) {
    this.#queue = queue;
    this.#reader = reader;
    this.#refusal = queue.budget.refusal(tasks, bytes);
  }

  store(task: NewTask, after: readonly string[], { isPiped = false } = {}): Published {
    const known = this.#queue.known(task.id);
    if (known) return known;
    const open: MemoryTask[] = [];
    let failedId: string | null = null;
    for (const id of new Set(after)) {
      const dependency = this.#queue.task(id);
      const outcome = dependency ? undefined : this.#queue.results.outcome(id);
      if (!dependency && !outcome) {
        return new StreaqError(`Dependency ${id} is unknown, or its result is gone`);
      }
      failedId ??= outcome?.failedId ?? null;
      if (isPiped && !this.#own.has(id) && !outcome?.failedId) {
        return new StreaqError(`Task ${id} was enqueued before, and is not piped into this task`);
      }
      if (dependency) open.push(dependency);
    }
    if (this.#refusal) return this.#refusal;
    this.#own.add(task.id);
    if (failedId !== null) this.#fail(task, failedId);
    else if (open.length > 0) this.#queue.dependencies.wait(this.#queue.add(task), open, task.due);
    else this.#queue.ready(this.#queue.add(task), task.due);
    return "created";
  }

  /** Ends a task that depends on one that has failed. */
  #fail({ id, data }: NewTask, failedId: string): void {
    const end = this.#reader.failDependent(id, data, failedId);
    this.#queue.results.store(id, { ...end, failedId, by: "", deliveries: 0 });
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

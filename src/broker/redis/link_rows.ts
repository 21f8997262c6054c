import type { NewTask } from "../contract/task.ts";
import { largestChunk } from "./chunks.ts";
import { edgeLimit, type Linked, linkLimit } from "./scripts/enqueue/link.ts";

/** A task on its way into the store. */
export interface Row extends Linked {
  /** Which of the tasks that were given it is, or belongs to. */
  readonly place: number;
}

/** Cuts tasks into parts, each for one call. Those that are piped into each other stay together. */
export function* partsOf(tasks: readonly NewTask[]): Generator<readonly Row[]> {
  let [part, edges, size]: [Row[], number, number] = [[], 0, 0];
  for (const [place, task] of tasks.entries()) {
    const rows = pipelineFrom(task, place);
    const rowEdges = sum(rows, ({ after }) => after.length);
    const rowSize = sum(rows, ({ task }) => task.data.length);
    const isFull = part.length + rows.length > linkLimit || edges + rowEdges > edgeLimit ||
      size + rowSize > largestChunk;
    if (part.length > 0 && isFull) {
      yield part;
      [part, edges, size] = [[], 0, 0];
    }
    part.push(...rows);
    edges += rowEdges;
    size += rowSize;
  }
  yield part;
}

/** A task with all that it is piped into, in order. */
function pipelineFrom(first: NewTask, place: number): Row[] {
  const shared = { place, failure: undefined, token: undefined };
  const rows: Row[] = [{ ...shared, task: first, after: first.after ?? [], isPiped: false }];
  for (let task = first; task.next; task = task.next) {
    rows.push({ ...shared, task: task.next, after: [task.id], isPiped: true });
  }
  return rows;
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}

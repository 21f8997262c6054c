import type { NewTask } from "../contract/task.ts";
import { largestChunk } from "./chunks.ts";
import { edgeLimit, type LinkedTask, linkLimit } from "./scripts/enqueue/link.ts";

/** A task on its way into the store. */
export interface LinkRow extends LinkedTask {
  /** Index of the task, or of the pipeline that it belongs to, among those to be stored. */
  readonly index: number;
}

/** Cuts tasks into chunks of rows, each for one call; a pipeline stays in one chunk. */
export function* chunksOfRows(tasks: readonly NewTask[]): Generator<readonly LinkRow[]> {
  let [chunk, edges, size]: [LinkRow[], number, number] = [[], 0, 0];
  for (const [index, task] of tasks.entries()) {
    const rows = rowsOf(task, index);
    const rowEdges = sum(rows, ({ after }) => after.length);
    const rowSize = sum(rows, ({ task }) => task.data.length);
    const isFull = chunk.length + rows.length > linkLimit || edges + rowEdges > edgeLimit ||
      size + rowSize > largestChunk;
    if (chunk.length > 0 && isFull) {
      yield chunk;
      [chunk, edges, size] = [[], 0, 0];
    }
    chunk.push(...rows);
    edges += rowEdges;
    size += rowSize;
  }
  yield chunk;
}

/** Rows of a task and of the pipeline behind it, in order. */
function rowsOf(first: NewTask, index: number): LinkRow[] {
  const shared = { index, failure: undefined, token: undefined };
  const rows: LinkRow[] = [{ ...shared, task: first, after: first.after ?? [], isPiped: false }];
  for (let task = first; task.next; task = task.next) {
    rows.push({ ...shared, task: task.next, after: [task.id], isPiped: true });
  }
  return rows;
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}

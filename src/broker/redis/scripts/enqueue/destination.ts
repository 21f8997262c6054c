import type { NewTask } from "../../../contract/task.ts";

/** Where scripts put a task: its priority; for a delayed task followed by a colon and its due time. */
export function encodeDestination({ priority, due }: Pick<NewTask, "priority" | "due">): string {
  return due === undefined ? priority : `${priority}:${encodeDue(due)}`;
}

/** A due time for scripts: Unix milliseconds, or `+` and milliseconds from now. */
export function encodeDue(due: number | Date): string {
  return due instanceof Date ? String(due.getTime()) : `+${due}`;
}

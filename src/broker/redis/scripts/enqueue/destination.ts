import type { NewTask } from "../../../contract/task.ts";

/** Where scripts put a task: its priority, and for a delayed one a colon and when it is due. */
export function showDestination({ priority, due }: Pick<NewTask, "priority" | "due">): string {
  return due === undefined ? priority : `${priority}:${showDue(due)}`;
}

/** When a task is due, as scripts read it: milliseconds from now on, or a time. */
export function showDue(due: number | Date): string {
  return due instanceof Date ? String(due.getTime()) : `+${due}`;
}

import type { ReviewedSchedule } from "../../../contract/schedule.ts";

/** Reads the note of a schedule: `<kind> <priority>:<time zone> <id of the next occurrence>`. */
export function readNote(note: string): Pick<ReviewedSchedule, "isStatic" | "priority" | "timeZone" | "taskId"> {
  const [, kind = "d", priority = "", timeZone = "UTC", taskId = ""] = /^([a-z]) ([^:]*):(\S+) ([^]*)/.exec(note) ?? [];
  return { isStatic: kind === "s", priority, timeZone, taskId };
}

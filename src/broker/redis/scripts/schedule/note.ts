import type { NewSchedule } from "../../../contract/schedule.ts";

/** Reads the note of a schedule: `<kind> <priority>:<time zone> <id of the next occurrence>`. */
export function readNote(note: string): Pick<NewSchedule, "isStatic" | "priority" | "timeZone"> {
  const [, kind = "d", priority = "", timeZone = "UTC"] = /^([a-z]) ([^:]*):(\S+) /.exec(note) ?? [];
  return { isStatic: kind === "s", priority, timeZone };
}

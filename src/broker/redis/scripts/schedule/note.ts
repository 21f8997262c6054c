import type { NewSchedule } from "../../../contract/schedule.ts";

/** Parts `<kind> <priority>:<zone> <id of an occurrence>`. */
export function readNote(note: string): Pick<NewSchedule, "isStatic" | "priority" | "timeZone"> {
  const [, kind = "d", priority = "", timeZone = "UTC"] = /^([a-z]) ([^:]*):(\S+) /.exec(note) ?? [];
  return { isStatic: kind === "s", priority, timeZone };
}

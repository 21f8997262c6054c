import { printable } from "../base/log.ts";

/** Formats rows of cells as a table of text, whose columns are as wide as they need to be. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column]!))));
  return rows.map((row) => {
    return row.map((cell, column) => cell + " ".repeat(widths[column]! - lengthOf(cell))).join("  ").trimEnd() + "\n";
  }).join("");
}

/** Brings a text into one line without control characters, at most so many characters long. */
export function formatCell(text: string, width: number = Infinity): string {
  const line = printable(text.replace(/\s+/g, " ").trim());
  return lengthOf(line) <= width ? line : `${[...line].slice(0, width - 1).join("")}…`;
}

/** Formats an id so that it can be copied, unless it has control characters, which are escaped. */
export function formatId(id: string): string {
  return printable(id).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Formats a length of time by its largest unit: `90` seconds are `1m`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Formats a count with its noun: `1 task`, `12 tasks`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Counts code points: a surrogate pair is one character. */
function lengthOf(text: string): number {
  return [...text].length;
}

import process from "node:process";
import type { Counts } from "./worker.ts";

const barWidth = 18;

/** Prints the most frequent words of both kinds side by side. */
export function printWords({ code, documentation }: { code: Counts; documentation: Counts }): void {
  const left = table(code);
  const right = table(documentation);
  console.log(`\n${bold("Most frequent in code".padEnd(48))}${bold("in documentation")}`);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    console.log(`${(left[i] ?? "").padEnd(48)}${right[i] ?? ""}`.trimEnd());
  }
}

/** Prints how many files each worker process counted. */
export function printWorkers(tasksByWorker: ReadonlyMap<string, number>): void {
  console.log(`\n${bold("Worker processes")}`);
  for (const [workerId, count] of [...tasksByWorker].sort()) console.log(`${workerId}  ${count} files`);
}

/** Formats counts as lines like `const          ██████████  1,234`. */
function table(counts: Counts): string[] {
  const most = counts[0]?.[1] ?? 1;
  return counts.map(([word, count]) => {
    const bar = "█".repeat(Math.max(1, Math.round(barWidth * count / most)));
    return `${word.padEnd(14)} ${bar.padEnd(barWidth)} ${count.toLocaleString("en").padStart(6)}`;
  });
}

function bold(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text;
}

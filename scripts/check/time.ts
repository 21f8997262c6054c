/** Checks that code which reads the time or waits takes a clock as an argument, so that a test can control time. */
import ts from "typescript";
import type { Gate } from "./gate.ts";
import { findSources, parse, position, walk } from "./source.ts";

/** The file that implements the clock. */
const CLOCK = "src/base/clock.ts";

const MEMBERS: readonly string[] = ["AbortSignal.timeout", "Date.now", "performance.now", "process.hrtime"];

/** Forbidden as globals, as imports from node:timers, and as methods of a socket. */
const TIMERS: readonly string[] = ["setTimeout", "setInterval"];

export const time: Gate = {
  name: "time",
  run({ problem }) {
    for (const path of findSources("mod.ts", "src").filter((path) => path !== CLOCK)) {
      for (const place of findTime(parse(path))) problem(`${place}: take a clock (${CLOCK}) instead`);
    }
  },
};

/** Finds such code, each with its position. */
export function* findTime(file: ts.SourceFile): Generator<string> {
  for (const node of walk(file)) {
    if (looksAtTime(node)) yield `${position(node)} has ${node.getText()}`;
  }
}

function looksAtTime(node: ts.Node): boolean {
  if (ts.isIdentifier(node)) return TIMERS.includes(node.text);
  if (ts.isPropertyAccessExpression(node)) return MEMBERS.includes(`${lastName(node.expression)}.${node.name.text}`);
  if (ts.isNewExpression(node)) return lastName(node.expression) === "Date" && !node.arguments?.length;
  return ts.isCallExpression(node) && lastName(node.expression) === "Date"; // Date() returns the current time as text.
}

/** Returns `Date` for both `Date` and `globalThis.Date`. */
function lastName(expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text;
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : "";
}

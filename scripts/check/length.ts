/** A file past 300 lines is asking to be two; past 400 it needs a reason. */
import { readFileSync } from "node:fs";
import type { Gate } from "./gate.ts";
import { findSources, SOURCES } from "./source.ts";

const NOTE = 300;
const LIMIT = 400;

/** Files that may be longer, and why. */
const REASONS: Readonly<Record<string, string>> = {};

export const length: Gate = {
  name: "length",
  run({ problem, note }) {
    for (const path of findSources(...SOURCES)) {
      const lines = readFileSync(path, "utf8").split("\n").length - 1;
      if (lines > LIMIT && !REASONS[path]) problem(`${path} has ${lines} lines, more than ${LIMIT}`);
      else if (lines > NOTE) note(`${path} has ${lines} lines`);
    }
  },
};

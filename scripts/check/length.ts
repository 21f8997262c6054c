/** Checks that files are short, and that folders have few of them. */
import { readdirSync, readFileSync } from "node:fs";
import type { Gate } from "./gate.ts";
import { findSources, SOURCES } from "./source.ts";

/** Maximum number of lines of a file in `src`, except for those listed below. Elsewhere, a longer file gets a note. */
const SHORT = 300;
/** Maximum number of lines of any file. */
const LIMIT = 400;

/** Files in `src` that may be longer, and why. */
const REASONS: Readonly<Record<string, string>> = {
  "src/resp/decoder.ts": "one state machine",
  "src/queue/worker.ts": "the public methods of one class, with their documentation",
};

/** Maximum number of files directly in `src/queue`; the others belong in a folder. */
const QUEUE_FILES = 12;

export const length: Gate = {
  name: "length",
  run({ problem, note }) {
    for (const path of findSources(...SOURCES)) {
      const lines = readFileSync(path, "utf8").split("\n").length - 1;
      const limit = path.startsWith("src/") && !REASONS[path] ? SHORT : LIMIT;
      if (lines > limit) problem(`${path} has ${lines} lines, more than ${limit}`);
      else if (lines > SHORT) note(`${path} has ${lines} lines`);
    }
    const files = readdirSync("src/queue", { withFileTypes: true }).filter((entry) => entry.isFile()).length;
    if (files > QUEUE_FILES) problem(`src/queue has ${files} files outside of its folders, more than ${QUEUE_FILES}`);
  },
};

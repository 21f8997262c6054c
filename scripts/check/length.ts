/** Short files, and few of them in one place: a long file has two purposes, a full folder has two rooms. */
import { readdirSync, readFileSync } from "node:fs";
import type { Gate } from "./gate.ts";
import { findSources, SOURCES } from "./source.ts";

/** In `src` no file has more lines than this but for those named here; elsewhere it is worth a note. */
const SHORT = 300;
/** No file has more lines than this. */
const LIMIT = 400;

/** Files of `src` that may be longer than the others, and why. */
const REASONS: Readonly<Record<string, string>> = {
  "src/resp/decoder.ts": "one state machine",
  "src/queue/worker.ts": "the public methods of one class, with their documentation",
};

/** How many files may lie directly in `src/queue`: everything else has a room. */
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
    if (files > QUEUE_FILES) problem(`src/queue has ${files} files outside its rooms, more than ${QUEUE_FILES}`);
  },
};

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { SourceWatcher } from "../../src/cli/watch.ts";
import { eventually } from "../support/poll.ts";

describe("SourceWatcher", () => {
  let folder: string;
  let watcher: SourceWatcher;
  let changes: string[];

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const changed = (path: string) =>
    eventually(() => changes.includes(join(folder, path)), { message: `${path} is reported` });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "streaq-watch-"));
    write("worker.ts", "one");
    write("tasks/mail.ts", "one");
    changes = [];
    watcher = new SourceWatcher(folder, { clock: systemClock, onChange: (path) => changes.push(path) });
  });

  afterEach(() => {
    watcher.close();
    rmSync(folder, { recursive: true });
  });

  it("reports a file that is different, in the folder and below it", async () => {
    write("worker.ts", "two, longer");
    await changed("worker.ts");
    write("tasks/mail.ts", "two, longer");
    await changed("tasks/mail.ts");
  });

  it("reports a file that is new, also in a folder that is new, and one that is gone", async () => {
    write("tasks/pay.ts", "one");
    await changed("tasks/pay.ts");
    write("deep/down/under.mts", "one");
    await changed("deep/down/under.mts");
    write("deep/down/under.mts", "two, longer");
    await eventually(() => changes.length === 3);
    rmSync(join(folder, "tasks"), { recursive: true });
    await eventually(() => changes.length === 4);
    write("tasks/pay.ts", "three");
    await eventually(() => changes.length === 5);
  });

  it("reports once what changes together", async () => {
    for (let i = 0; i < 20; i++) {
      write("worker.ts", `version ${i}`);
      write(`tasks/task${i}.ts`, "one");
      await delay(5);
    }
    await eventually(() => changes.length === 1);
    await delay(300);
    assertEquals(changes.length, 1);
  });

  it("leaves alone what is no source, and what is not the user's", async () => {
    write("worker.log", "a line");
    write("node_modules/package/index.js", "one");
    write(".git/index.json", "one");
    write("dist/worker.js", "one");
    await delay(400);
    assertEquals(changes, []);
  });

  it("reports nothing more once it is closed", async () => {
    write("worker.ts", "two, longer");
    watcher.close();
    await delay(400);
    assertEquals(changes, []);
  });
});

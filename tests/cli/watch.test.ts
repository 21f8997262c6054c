import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { SourceWatcher } from "../../src/cli/watch.ts";
import { ManualClock } from "../base/manual_clock.ts";
import { eventually } from "../support/poll.ts";

describe("SourceWatcher", () => {
  let folder: string;
  let clock: ManualClock;
  let watcher: SourceWatcher;
  let changes: string[];

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  /** Waits until the watcher has noticed an event, and lets it scan. */
  const scan = async (clock: ManualClock): Promise<void> => {
    await eventually(() => clock.pending > 0, { message: "an event is noticed" });
    await clock.advance(150);
  };
  /** Lets the watcher scan until it has reported as many changes as there are paths, which must match. */
  const reported = async (...paths: readonly RegExp[]): Promise<void> => {
    while (changes.length < paths.length) await scan(clock);
    assertEquals(changes.length, paths.length);
    paths.forEach((path, i) => assertMatch(relative(folder, changes[i]!), path));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "streaq-watch-"));
    write("worker.ts", "one");
    write("tasks/mail.ts", "one");
    changes = [];
    clock = new ManualClock();
    watcher = new SourceWatcher(folder, { clock, onChange: (path) => changes.push(path) });
  });

  afterEach(() => {
    watcher.close();
    rmSync(folder, { recursive: true });
  });

  it("reports a file that has changed, in the folder and below it", async () => {
    write("worker.ts", "two, longer");
    await reported(/^worker.ts$/);
    write("tasks/mail.ts", "two, longer");
    await reported(/^worker.ts$/, /^tasks.mail.ts$/);
  });

  it("reports a new file, also in a new folder, and a deleted one", async () => {
    const [pay, under] = [/^tasks.pay.ts$/, /^deep.down.under.mts$/];
    write("tasks/pay.ts", "one");
    await reported(pay);
    write("deep/down/under.mts", "one");
    await reported(pay, under);
    write("deep/down/under.mts", "two, longer");
    await reported(pay, under, under);
    rmSync(join(folder, "tasks"), { recursive: true });
    await reported(pay, under, under, /^tasks.(mail|pay).ts$/);
    write("tasks/pay.ts", "three");
    await reported(pay, under, under, /^tasks/, pay);
  });

  it("reports files that change together once", async () => {
    for (let i = 0; i < 20; i++) {
      write("worker.ts", `version ${i}`);
      write(`tasks/task${i}.ts`, "one");
      await new Promise(setImmediate);
    }
    await reported(/^worker.ts$/);
    write("tasks/last.ts", "one");
    await reported(/^worker.ts$/, /^tasks.last.ts$/);
  });

  it("ignores files without source code, and folders of packages, git and builds", async () => {
    write("worker.log", "a line");
    write("node_modules/package/index.js", "one");
    write(".git/index.json", "one");
    write("dist/worker.js", "one");
    await scan(clock);
    assertEquals(changes, []);
    write("worker.ts", "two, longer");
    await reported(/^worker.ts$/);
  });

  it("reports nothing after it was closed", async () => {
    // Another watcher shows when the events of the write have arrived.
    const otherClock = new ManualClock();
    const others: string[] = [];
    const other = new SourceWatcher(folder, { clock: otherClock, onChange: (path) => others.push(path) });
    try {
      write("worker.ts", "two, longer");
      watcher.close();
      await scan(otherClock);
      assertEquals(others, [join(folder, "worker.ts")]);
      await clock.advance(150);
      assertEquals([clock.pending, changes], [0, []]);
    } finally {
      other.close();
    }
  });
});

import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { supervise } from "../../src/cli/supervise.ts";
import { eventually } from "../support/poll.ts";
import { fixture } from "./command.ts";
import { isAlive, Stage } from "./stage.ts";

const stage = new Stage();

describe("supervise()", () => {
  it("doubles the pause with each crash, although the time of day jumps", async () => {
    let time = 0;
    const clock = {
      now: () => time += 3_600_000,
      monotonic: () => 0,
      timer(_ms: number, callback: () => void) {
        const handle = setImmediate(callback);
        return { cancel: () => clearImmediate(handle) };
      },
    };
    const stop = new AbortController();
    const pauses: (string | undefined)[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error(line: string) {
        if (pauses.push(/ in (\d+) s$/.exec(line)?.[1]) === 4) stop.abort();
      },
    };
    const commandLine = ["node", "-e", "process.exit(7)"] as const;
    const kill = new AbortController().signal;
    assertEquals(await supervise({ commandLine, count: 1, stop: stop.signal, kill, clock, logger }), 7);
    assertEquals(pauses, ["1", "2", "4", "8"]);
  });
});

describe("streaq run --workers", () => {
  it("runs several processes, which SIGTERM shuts down", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await command.prints(/starting worker \w+ for/, 2);
    // Each process runs one task at a time.
    await Promise.all([stage.enqueue("hold", 60_000), stage.enqueue("hold", 60_000)]);
    const starts = await command.prints(/task hold □ \S+ → worker (\w+)/, 2);
    assertEquals(new Set(starts.map(([, worker]) => worker)).size, 2);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
    await command.prints(/shutdown worker/, 2);
  });

  it("replaces a process that crashes", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await command.prints(/starting worker \w+ for/, 2);
    await stage.enqueue("crash");
    await command.prints(/worker process \d+ exited with code 7 and will be replaced in 1 s/);
    await command.prints(/starting worker \w+ for/, 3);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
  });

  it("exits when the processes cannot start, or with --burst when no tasks are left", async () => {
    await using failing = stage.run(fixture("nothing.ts"), "--workers", "2");
    await using burst = stage.run(fixture("worker.ts"), "--workers", "2", "--burst");
    assertEquals([await failing.exited, await burst.exited], [1, 0]);
    assertStringIncludes(failing.stderr, "expected an export worker or default");
  });

  it("takes SIGTERM twice for one, and kills processes that do not exit on a later SIGINT", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await stage.enqueue("ignoreSignal");
    await command.prints(/task ignoreSignal □/);
    await command.prints(/starting worker \w+ for/, 2);
    command.signal("SIGTERM");
    command.signal("SIGTERM");
    await command.prints(/shutdown worker/);
    command.signal("SIGTERM");
    // The first process has had more than 500 ms to shut down, as a task ignores its signal.
    await command.prints(/ignores its signal/);
    command.signal("SIGINT");
    assertEquals(await command.exited, 137);
  });

  it("leaves no worker behind when it is killed", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await command.prints(/starting worker \w+ for/, 2);
    const pid = await stage.call("hold", 1) as number;
    command.signal("SIGKILL");
    await eventually(() => !isAlive(pid), { message: "the worker process is gone" });
  });
});

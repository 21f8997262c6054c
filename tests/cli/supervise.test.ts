import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/poll.ts";
import { fixture } from "./command.ts";
import { isAlive, Stage } from "./stage.ts";

const stage = new Stage();

describe("streaq run --workers", () => {
  it("runs several processes, which SIGTERM ends together", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await command.prints(/starting worker \w+ for/, 2);
    const pids = await Promise.all([stage.call("hold", 500), stage.call("hold", 500)]);
    assertEquals(new Set(pids).size, 2);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
    await command.prints(/shutdown worker/, 2);
  });

  it("replaces one that crashes", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await command.prints(/starting worker \w+ for/, 2);
    await stage.enqueue("crash");
    await command.prints(/worker process \d+ ended with exit code 7, another one starts in 1 s/);
    await command.prints(/starting worker \w+ for/, 3);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
  });

  it("ends when they cannot start, or when nothing is left to do", async () => {
    await using failing = stage.run(fixture("nothing.ts"), "--workers", "2");
    await using burst = stage.run(fixture("worker.ts"), "--workers", "2", "--burst");
    assertEquals([await failing.exited, await burst.exited], [1, 0]);
    assertStringIncludes(failing.stderr, "streaq: No export worker or default");
  });

  it("kills what does not end, on a second signal", async () => {
    await using command = stage.run(fixture("worker.ts"), "--workers", "2");
    await stage.enqueue("ignoreSignal");
    await command.prints(/task ignoreSignal □/);
    await command.prints(/starting worker \w+ for/, 2);
    command.signal("SIGTERM");
    await command.prints(/shutdown worker/);
    command.signal("SIGTERM");
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

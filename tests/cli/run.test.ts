import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Worker } from "@q/streaq";
import { VERSION } from "../../src/base/version.ts";
import { run } from "../../src/cli/run.ts";
import { type Host, UsageError } from "../../src/cli/verb.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { Command, fixture } from "./command.ts";

const host: Host = {
  self: ["false"],
  logger: console,
  stop: new AbortController().signal,
  kill: new AbortController().signal,
  takeSignals() {},
  print() {},
};

describe("streaq", () => {
  it("prints its version", async () => {
    await using command = new Command(["--version"]);
    assertEquals([await command.exited, command.stdout, command.stderr], [0, `${VERSION}\n`, ""]);
  });

  it("explains itself and its verbs", async () => {
    await using help = new Command(["--help"]);
    await using helpOfRun = new Command(["run", "--help"]);
    assertEquals([await help.exited, await helpOfRun.exited], [0, 0]);
    assertStringIncludes(help.stdout, "Usage: streaq <verb>");
    assertStringIncludes(helpOfRun.stdout, "Usage: streaq run path/to/module.ts[:export]");
  });

  it("refuses what makes no sense, with exit code 2 and a line that says why", async () => {
    await using none = new Command([]);
    await using verb = new Command(["walk"]);
    await using option = new Command(["--fast"]);
    assertEquals([await none.exited, await verb.exited, await option.exited], [2, 2, 2]);
    assertEquals(none.output, 'streaq: Expected a verb: run\nTry "streaq --help"\n');
    assertEquals(verb.output, 'streaq: Unknown verb: walk\nTry "streaq --help"\n');
    assertEquals(option.output, 'streaq: Unknown option: --fast\nTry "streaq --help"\n');
  });

  it("fails with exit code 1 and one line, or with the stack when asked for more", async () => {
    await using brief = new Command(["run", fixture("throws.ts")]);
    await using verbose = new Command(["run", fixture("throws.ts"), "--verbose"]);
    assertEquals([await brief.exited, await verbose.exited], [1, 1]);
    assertEquals(brief.stderr, `streaq: Could not load ${fixture("throws.ts")}: The module is not in the mood\n`);
    assertMatch(verbose.stderr, /Could not load [^]*\n +at /);
  });
});

describe("run.run()", () => {
  const wrong: readonly [args: string[], message: string][] = [
    [[], "Expected the path of a module"],
    [["a.ts", "b.ts"], "Expected one module, and found more: b.ts"],
    [["a.ts", "--fast"], "Unknown option '--fast'"],
    [["a.ts", "--workers", "0"], "Invalid --workers, expected a whole number from 1 to 999: 0"],
    [["a.ts", "--workers", "two"], "Invalid --workers, expected a whole number from 1 to 999: two"],
    [["a.ts", "--workers"], "Option '--workers <value>' argument missing"],
    [["a.ts", "--burst", "--reload"], "Expected --burst or --reload, and found both"],
    [["https://example.org/a.ts", "--reload"], "Expected a file, as --reload watches its folder"],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${JSON.stringify(args)}`, async () => {
      const error = await assertRejects(() => run.run(args, host), UsageError, message);
      assertEquals(error.message.split("\n").length, 1);
    });
  }
});

describe("streaq run", () => {
  let redis: RedisServer;
  let producer: Worker;
  let env: Record<string, string>;

  before(async () => {
    redis = await startRedis();
    env = { REDIS_URL: redis.url };
    producer = new Worker({ redisUrl: redis.url, queueName: "cli" });
  });
  after(async () => {
    await producer.close();
    await redis.stop();
  });
  afterEach(async () => {
    await producer.redis.command(["FLUSHDB"]);
  });

  // The tasks are those of the fixture; what this process would run does not matter.
  const stub = async (name: string, ...args: unknown[]) => {
    const task = producer.registry.get(name) ?? producer.task((..._args: unknown[]) => {}, { name });
    return await task.enqueue(...args);
  };

  it("runs tasks until SIGTERM, and then ends with exit code 0", async () => {
    await using command = new Command(["run", fixture("worker.ts")], env);
    const { result } = await (await stub("add", 1, 2)).result({ timeout: "20s" });
    assertEquals<unknown>(result, 3);

    const held = await stub("hold", 60_000);
    await command.prints(/task hold □/);
    command.signal("SIGTERM");
    assertEquals(await command.exited, 0);
    assertStringIncludes(command.output, "received signal SIGTERM");
    assertEquals(await held.status(), "queued");
    assertEquals(command.stderr, "");
  });

  it("ends even when a task goes on", async () => {
    await using command = new Command(["run", fixture("worker.ts")], env);
    await stub("ignoreSignal");
    await command.prints(/task ignoreSignal □/);
    command.signal("SIGINT");
    assertEquals(await command.exited, 0);
    assertStringIncludes(command.stderr, "Something keeps the process alive");
  });

  it("ends with --burst when nothing is left to do", async () => {
    const tasks = await Promise.all([1, 2, 3].map((n) => stub("add", n, n)));
    await using command = new Command(["run", fixture("worker.ts:worker"), "--burst", "--verbose"], env);
    assertEquals(await command.exited, 0);
    assertEquals(await Promise.all(tasks.map((task) => task.status())), ["done", "done", "done"]);
    assertMatch(command.output, /\[DEBUG\] .*: loading/);
  });

  it("says where it could not connect, without the password", async () => {
    await using command = new Command(["run", fixture("worker.ts")], {
      REDIS_URL: `redis://u:secret@127.0.0.1:${redis.port}`,
    });
    assertEquals(await command.exited, 1);
    assertMatch(command.stderr, /^streaq: .*127\.0\.0\.1.*\n$/m);
    assert(!command.output.includes("secret"));
  });

  describe("--workers", () => {
    it("runs several processes, which SIGTERM ends together", async () => {
      await using command = new Command(["run", fixture("worker.ts"), "--workers", "2"], env);
      await command.prints(/starting worker \w+/, 2);
      const held = await Promise.all([stub("hold", 500), stub("hold", 500)]);
      const pids = await Promise.all(held.map(async (task) => (await task.result({ timeout: "10s" })).result));
      assertEquals(new Set(pids).size, 2);
      command.signal("SIGTERM");
      assertEquals(await command.exited, 0);
      assertEquals((await command.prints(/shutdown worker/, 2)).length, 2);
    });

    it("replaces one that crashes", async () => {
      await using command = new Command(["run", fixture("worker.ts"), "--workers", "2"], env);
      await command.prints(/starting worker \w+/, 2);
      await stub("crash");
      await command.prints(/worker process \d+ ended with exit code 7, another one starts in 1 s/);
      await command.prints(/starting worker \w+/, 3);
      command.signal("SIGTERM");
      assertEquals(await command.exited, 0);
    });

    it("ends with all of them when they cannot start, or have nothing left to do", async () => {
      await using failing = new Command(["run", fixture("nothing.ts"), "--workers", "2"], env);
      await using burst = new Command(["run", fixture("worker.ts"), "--workers", "2", "--burst"], env);
      assertEquals([await failing.exited, await burst.exited], [1, 0]);
      assertStringIncludes(failing.stderr, "streaq: No export worker or default");
    });

    it("kills what does not end on a second signal", async () => {
      await using command = new Command(["run", fixture("worker.ts"), "--workers", "2"], env);
      await stub("ignoreSignal");
      await command.prints(/task ignoreSignal □/);
      command.signal("SIGTERM");
      await command.prints(/shutdown worker/);
      command.signal("SIGTERM");
      assertEquals(await command.exited, 137);
    });

    it("leaves no worker behind when it is killed", async () => {
      await using command = new Command(["run", fixture("worker.ts"), "--workers", "2"], env);
      await command.prints(/starting worker \w+/, 2);
      const [pid] = [(await (await stub("hold", 1)).result({ timeout: "10s" })).result as unknown as number];
      command.signal("SIGKILL");
      await eventually(() => !isAlive(pid), { message: "the worker process is gone" });
    });
  });

  describe("--reload", () => {
    it("starts anew when a file changes, also after one that did not work", async () => {
      const folder = mkdtempSync(join(tmpdir(), "streaq-reload-"));
      const write = (answer: string) =>
        writeFileSync(
          join(folder, "worker.ts"),
          `import { Worker } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
           export const worker = new Worker({ redisUrl: ${JSON.stringify(redis.url)}, queueName: "cli" });
           worker.task(function answer() { return ${answer}; });`,
        );
      try {
        writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
        write('"one"');
        await using command = new Command(["run", join(folder, "worker.ts"), "--reload"], env);
        await command.prints(/starting worker/);
        assertEquals<unknown>((await (await stub("answer")).result({ timeout: "10s" })).result, "one");
        write('"two');
        await command.prints(/worker\.ts changed, starting anew/);
        await command.prints(/streaq: Could not load [^]*waiting for a change/);
        write('"three"');
        await command.prints(/starting worker/, 2);
        assertEquals<unknown>((await (await stub("answer")).result({ timeout: "10s" })).result, "three");
        command.signal("SIGINT");
        assertEquals(await command.exited, 0);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // There is no such process.
  }
}

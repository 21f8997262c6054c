import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { it } from "node:test";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { StreaqError, StreaqRetry } from "../../../src/base/errors.ts";
import { taskContext } from "../../../src/queue/context/task_context.ts";
import type { Retry } from "../../../src/queue/tasks/retry_policy.ts";
import { eventually } from "../../support/poll.ts";
import { behaviour } from "../behaviour.ts";
import { Lines, nextTurn, running } from "../stage.ts";

class CardDeclined extends Error {
  override name = "CardDeclined";
}

behaviour("the option retry", (stage) => {
  it("tries a task again after an error, while tries are left", async () => {
    const worker = await stage.worker();
    const seen: number[] = [];
    const flaky = worker.task("flaky", () => {
      seen.push(taskContext().tries);
      if (seen.length < 3) throw new RangeError("not yet");
      return "at last";
    }, { retry: 5 });
    const run = running(worker);
    const { result, tries } = await (await flaky.enqueue()).result();
    await run.stop();
    assertEquals([result, tries, seen], ["at last", 3, [1, 2, 3]]);
    assertEquals([worker.counters.retried, worker.counters.completed, worker.counters.failed], [2, 1, 0]);
    await stage.assertClean(worker);
  });

  it("of true waits half a second at least after the first try", async () => {
    const worker = await stage.worker();
    const times: number[] = [];
    const flaky = worker.task("flaky", async () => {
      times.push(Date.now());
      await nextTurn();
      if (times.length === 1) throw new Error("fetch failed");
    }, { retry: true });
    const run = running(worker);
    const { success } = await (await flaky.enqueue()).result();
    await run.stop();
    assertEquals(success, true);
    assertGreaterOrEqual(times[1]! - times[0]!, 500);
  });

  it("leaves the task scheduled meanwhile, and logs when it is tried again, after which try, and why", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const fail = () => {
      throw new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") });
    };
    const fixed = worker.task("fixed", fail, { retry: "1h", maxTries: 5 });
    const dated = worker.task("dated", fail, { retry: () => new Date("2222-01-01T00:00:00Z"), maxTries: null });
    const run = running(worker);
    const tasks = [await fixed.enqueue(), await dated.enqueue()] as const;
    await eventually(async () => (await worker.getTasksByStatus("scheduled")).length === 2);
    const before = Date.now();
    const [first, second] = await Promise.all(tasks.map((task) => task.info()));
    assertEquals([first!.tries, second!.tries], [1, 1]);
    assertLess(first!.scheduled!.getTime(), before + 3_600_001);
    assertEquals(second!.scheduled!.toISOString(), "2222-01-01T00:00:00.000Z");
    const expected = [
      `warn task fixed ↻ ${tasks[0].id} will be retried in 3600000 ms (try 1 of 5 failed): TypeError: fetch failed\n`,
      `warn task dated ↻ ${
        tasks[1].id
      } will be retried at 2222-01-01T00:00:00.000Z (try 1 failed): TypeError: fetch failed\n`,
    ];
    for (const start of expected) {
      const line = await eventually(() => lines.all.find((line) => line.startsWith(start)) ?? false);
      assertStringIncludes(line, "Caused by Error: ECONNREFUSED");
    }
    for (const task of tasks) await task.abort();
    await run.stop();
    await stage.assertClean(worker);
  });

  it("fails the task with the error of its last try, and logs that it was given up", async () => {
    const lines = new Lines();
    const worker = await stage.worker({ logger: lines });
    const charge = worker.task("charge", async function charge(): Promise<void> {
      await nextTurn();
      throw new CardDeclined(`declined ${taskContext().tries}`, { cause: new RangeError("no money") });
    }, { retry: 0, maxTries: 4 });
    const run = running(worker);
    const task = await charge.enqueue();
    const { exception, tries } = await task.result();
    assertEquals([exception!.name, exception!.message, tries], ["CardDeclined", "declined 4", 4]);
    assertStringIncludes(exception!.stack!, "retry_policy.test");
    assertInstanceOf(exception!.cause, RangeError);
    await run.stop();
    assertEquals([worker.counters.retried, worker.counters.failed], [3, 1]);
    const line = lines.with(`× ${task.id} was given up after 4 tries: CardDeclined: declined 4\n`);
    assertEquals([line.length, line[0]!.startsWith("error task charge")], [1, true]);
    await stage.assertClean(worker);
  });

  it("has no limit with maxTries: null", async () => {
    const worker = await stage.worker();
    const flaky = worker.task("flaky", () => {
      if (taskContext().tries < 8) throw new Error("again");
    }, { retry: 0, maxTries: null });
    const run = running(worker);
    const { success, tries } = await (await flaky.enqueue()).result();
    await run.stop();
    assertEquals([success, tries], [true, 8]);
  });

  it("that is a function decides by the error and the number of the try", async () => {
    const worker = await stage.worker();
    const asked: [name: string, tries: number, taskId: string][] = [];
    const retry: Retry = (error, tries) => {
      asked.push([error.name, tries, taskContext().taskId]);
      if (error instanceof CardDeclined) return null;
      return tries === 1 ? "5ms" : tries === 2 ? 0 : new Date(0);
    };
    const charge = worker.task("charge", () => {
      if (taskContext().tries > 3) throw new CardDeclined("declined");
      throw new RangeError("no answer");
    }, { retry, maxTries: 100 });
    const run = running(worker);
    const task = await charge.enqueue();
    const { exception, tries } = await task.result();
    await run.stop();
    assertEquals([exception!.name, exception!.message, tries], ["CardDeclined", "declined", 4]);
    const names = ["RangeError", "RangeError", "RangeError", "CardDeclined"];
    assertEquals(asked, names.map((name, i) => [name, i + 1, task.id]));
    assertEquals([worker.counters.retried, worker.counters.failed], [3, 1]);
    await stage.assertClean(worker);
  });

  it("that is a function is not asked about the last try", async () => {
    const worker = await stage.worker();
    let asked = 0;
    const fail = worker.task("fail", () => {
      throw new Error("no");
    }, { retry: () => asked++, maxTries: 3 });
    const run = running(worker);
    await (await fail.enqueue()).result();
    await run.stop();
    assertEquals(asked, 2);
  });

  it("that is a function gets an error even if the function throws something else", async () => {
    const worker = await stage.worker();
    const asked: unknown[] = [];
    const fail = worker.task("fail", () => {
      throw "no error";
    }, {
      maxTries: 2,
      retry: (error) => {
        asked.push(error instanceof Error, error.message);
        return 0;
      },
    });
    const run = running(worker);
    const { exception, tries } = await (await fail.enqueue()).result();
    await run.stop();
    assertEquals([asked, exception!.message, tries], [[true, "Thrown: no error"], "Thrown: no error", 2]);
  });

  const answers: [what: string, answer: () => unknown, shown: string][] = [
    ["NaN", () => NaN, "NaN"],
    ["Infinity", () => Infinity, "Infinity"],
    ["a negative number", () => -1, "-1"],
    ["a string that is no duration", () => "soon", '"soon"'],
    ["an invalid Date", () => new Date(NaN), "an invalid Date"],
    ["undefined", () => undefined, "undefined"],
    ["true", () => true, "true"],
    ["a symbol", () => Symbol("no"), "Symbol(no)"],
    ["a backoff", () => ({ min: 1 }), "an object"],
    ["a function", () => () => 1, "a function"],
    ["a promise", () => Promise.resolve(5), "a Promise"],
    ["a promise that rejects", () => Promise.reject(new Error("late")), "a Promise"],
    ["a revoked proxy", revoked, "an object"],
  ];
  for (const [what, answer, shown] of answers) {
    it(`that answers ${what} fails the task with an error that says so, caused by that of the task`, async () => {
      const worker = await stage.worker();
      const fail = worker.task("fail", () => {
        throw new CardDeclined("declined");
      }, { retry: answer as Retry });
      const run = running(worker);
      const { exception, tries } = await (await fail.enqueue()).result();
      assertInstanceOf(exception, StreaqError);
      const expected = 'Cannot retry task fail: expected a duration, a Date or null from its option "retry", got';
      assertEquals([exception.name, exception.message, tries], ["StreaqError", `${expected} ${shown}`, 1]);
      assertEquals([(exception.cause as Error).name, (exception.cause as Error).message], ["CardDeclined", "declined"]);
      await run.stop();
      assertEquals(worker.counters.retried, 0);
      await stage.assertClean(worker);
    });
  }

  const throwing: [what: string, policy: () => never, message: string][] = [
    ["an error", () => {
      throw new RangeError("out of luck");
    }, 'Cannot retry task fail: its option "retry" threw RangeError: out of luck'],
    ["a StreaqRetry", () => {
      throw new StreaqRetry("again", { delay: 0 });
    }, 'Cannot retry task fail: its option "retry" threw StreaqRetry: again'],
    ["no error", () => {
      throw 5;
    }, 'Cannot retry task fail: its option "retry" threw Error: Thrown: 5'],
  ];
  for (const [what, policy, message] of throwing) {
    it(`that throws ${what} fails the task with an error that says so, caused by that of the task`, async () => {
      const worker = await stage.worker();
      const fail = worker.task("fail", () => {
        throw new CardDeclined("declined");
      }, { retry: policy });
      const run = running(worker);
      const { exception } = await (await fail.enqueue()).result();
      assertEquals([exception!.name, exception!.message], ["StreaqError", message]);
      assertEquals((exception!.cause as Error).name, "CardDeclined");
      await run.stop();
      await stage.assertClean(worker);
    });
  }

  it("that is asynchronous by mistake causes no unhandled rejection", async () => {
    const worker = await stage.worker();
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    const fail = worker.task("fail", () => {
      throw new Error("no");
    }, { retry: (() => Promise.reject(new Error("late"))) as unknown as Retry });
    const run = running(worker);
    await (await fail.enqueue()).result();
    await nextTurn();
    await run.stop();
    process.off("unhandledRejection", note);
    assertEquals(unhandled, []);
  });

  it("that is a function leaks nothing into other tasks", async () => {
    const worker = await stage.worker({ concurrency: 1 });
    const storage = new AsyncLocalStorage<string>();
    const fail = worker.task("fail", async () => {
      await nextTurn();
      throw new Error("no");
    }, {
      retry: () => {
        storage.enterWith("leak");
        return null;
      },
    });
    const look = worker.task("look", () => storage.getStore() ?? "nothing");
    const [failed, looked] = await worker.enqueueMany([fail.enqueue(), look.enqueue()]);
    await worker.run({ burst: true });
    assertEquals([(await failed.result()).success, (await looked.result()).result], [false, "nothing"]);
  });

  it("is off by default: an error fails the task at once", async () => {
    const worker = await stage.worker();
    const [plain, none] = [{}, { retry: null }].map((options, i) => {
      return worker.task(`fail${i}`, () => {
        throw new Error("no");
      }, options);
    });
    const run = running(worker);
    for (const task of [await plain!.enqueue(), await none!.enqueue()]) {
      const { exception, tries } = await task.result();
      assertEquals([exception!.message, tries], ["no", 1]);
    }
    await run.stop();
    assertEquals(worker.counters.retried, 0);
  });

  it("of a worker is the default of its tasks, cron jobs and included tasks, which null switches off", async () => {
    const worker = await stage.worker({ retry: 0 });
    const other = await stage.worker({ retry: () => null });
    const fail = () => {
      throw new Error(`try ${taskContext().tries}`);
    };
    const names = ["default", "own", "off", "cron", "included"] as const;
    const own: Retry = (_, tries) => tries < 2 ? 0 : null;
    const tasks = [
      worker.task("default", fail, { maxTries: 4 }),
      worker.task("own", fail, { retry: own, maxTries: 4 }),
      worker.task("off", fail, { retry: null, maxTries: 4 }),
      worker.cron("@yearly", fail, { name: "cron", maxTries: 3 }),
      other.task("included", fail, { maxTries: 4 }),
    ];
    worker.include(other);
    const run = running(worker);
    const sent = await worker.enqueueMany(tasks.map((task) => task.enqueue()));
    const results = await Promise.all(sent.map((task) => task.result()));
    assertEquals(Object.fromEntries(results.map(({ tries }, i) => [names[i], tries])), {
      default: 4,
      own: 2,
      off: 1,
      cron: 3,
      included: 1,
    });
    assert(results.every(({ exception, tries }) => exception!.message === `try ${tries}`));
    await worker.unscheduleById("cron");
    await run.stop();
    await stage.assertClean(worker);
  });

  it("keeps the dependents of a task waiting until it has succeeded", async () => {
    const worker = await stage.worker();
    const flaky = worker.task("flaky", () => {
      if (taskContext().tries < 3) throw new Error("not yet");
      return 20;
    }, { retry: 1 });
    const next = worker.task("next", (value: number) => value + 1);
    const run = running(worker);
    assertEquals(await (await flaky.enqueue().pipe(next)).value(), 21);
    await run.stop();
    await stage.assertClean(worker);
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

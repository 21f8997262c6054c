import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { resolveTaskOptions } from "../../../src/queue/tasks/resolve_task_options.ts";
import { resolveCronOptions } from "../../../src/queue/tasks/resolve_cron_options.ts";
import { type Backoff, backoff, pauseAfter, resolveRetry, type Retry } from "../../../src/queue/tasks/retry_policy.ts";
import { Worker } from "../../../src/queue/worker.ts";

/** Random numbers that are the same in each run: a linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

const [lowest, highest] = [() => 0, () => 1];
const error = new Error("any");

/** The pauses that a policy answers after the first tries. */
function pausesOf(retry: Retry, random: () => number, count = 6): unknown[] {
  const policy = resolveRetry(retry, random)!;
  return Array.from({ length: count }, (_, i) => policy(error, i + 1));
}

describe("a policy", () => {
  const policies: [name: string, retry: Retry, longest: number[], shortest: number[]][] = [
    ["true", true, [1000, 2000, 4000, 8000, 16_000, 32_000], [500, 1000, 2000, 4000, 8000, 16_000]],
    ["{}", {}, [1000, 2000, 4000, 8000, 16_000, 32_000], [500, 1000, 2000, 4000, 8000, 16_000]],
    ["a min", { min: "5s" }, [5000, 10_000, 20_000, 40_000, 80_000, 160_000], [
      2500,
      5000,
      10_000,
      20_000,
      40_000,
      80_000,
    ]],
    ["a max", { max: "3s" }, [1000, 2000, 3000, 3000, 3000, 3000], [500, 1000, 1500, 1500, 1500, 1500]],
    ["a factor", { factor: 1.5 }, [1000, 1500, 2250, 3375, 5063, 7594], [500, 750, 1125, 1688, 2531, 3797]],
    ["a factor of 1", { factor: 1, min: 10 }, [10, 10, 10, 10, 10, 10], [5, 5, 5, 5, 5, 5]],
    ["a min of 0", { min: 0, factor: 10 }, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ["a duration", "1.5s", [1500, 1500, 1500, 1500, 1500, 1500], [1500, 1500, 1500, 1500, 1500, 1500]],
    ["a number", 7, [7, 7, 7, 7, 7, 7], [7, 7, 7, 7, 7, 7]],
    ["0", 0, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
  ];
  for (const [name, retry, longest, shortest] of policies) {
    it(`of ${name} grows up to its longest pauses, and is at random between half and all of them`, () => {
      assertEquals(pausesOf(retry, highest), longest);
      assertEquals(pausesOf(retry, lowest), shortest);
      const random = seeded(7);
      for (let i = 0; i < 100; i++) {
        pausesOf(retry, random).forEach((pause, n) => {
          assert(typeof pause === "number" && pause >= shortest[n]! && pause <= longest[n]!, `${name} ${n}: ${pause}`);
        });
      }
    });
  }

  it("answers the same with the same random numbers", () => {
    assertEquals(pausesOf(true, seeded(1)), pausesOf(true, seeded(1)));
    assertEquals(pausesOf(true, seeded(1)), [618, 1369, 3008, 6820, 8404, 21_912]);
  });

  it("spreads what has failed together evenly", () => {
    const random = seeded(3);
    const pauses = Array.from({ length: 10_000 }, () => pauseAfter(1, { min: 1000, max: 9000, factor: 2 }, random));
    for (let from = 500; from < 1000; from += 100) {
      const count = pauses.filter((pause) => pause >= from && pause < from + 100).length;
      assert(count > 1800 && count < 2200, `${count} pauses from ${from} ms`);
    }
  });

  it("has no number that overflows, however many tries there were", () => {
    assertEquals(pauseAfter(1_000_000, { min: 1000, max: 600_000, factor: 2 }, highest), 600_000);
    assertEquals(pauseAfter(1_000_000, { min: 0, max: 600_000, factor: 2 }, highest), 0);
  });

  it("that is a function is that function", () => {
    const policy = () => 5;
    assertEquals([resolveRetry(policy), resolveRetry(null)], [policy, null]);
  });
});

describe("backoff()", () => {
  it("chooses pauses as a Backoff does", () => {
    for (let i = 0; i < 100; i++) {
      const [first, second, tenth] = [backoff()(1), backoff({ min: "2s", factor: 3 })(2), backoff({ max: "1m" })(10)];
      assert(first >= 500 && first <= 1000, `${first}`);
      assert(second >= 3000 && second <= 6000, `${second}`);
      assert(tenth >= 30_000 && tenth <= 60_000, `${tenth}`);
    }
  });

  it("names an invalid option", () => {
    const message = 'Cannot use option "min": expected a duration >= 0, got -1';
    assertThrows(() => backoff({ min: -1 }), RangeError, message);
    assertThrows(() => backoff({ mni: 1 } as Backoff), TypeError, 'there is no such option, did you mean "min"?');
  });
});

describe("the option retry", () => {
  const expected = "expected true, a duration, an object with min, max and factor, a function or null";
  const invalid: [retry: unknown, error: new (message: string) => Error, message: string][] = [
    [false, TypeError, `Cannot use option "retry": ${expected}, got false`],
    [[1, 2], TypeError, `Cannot use option "retry": ${expected}, got an array`],
    [1n, TypeError, `Cannot use option "retry": ${expected}, got 1`],
    ["soon", TypeError, 'Cannot use option "retry": expected milliseconds or a string such as "5s", got "soon"'],
    [-1, RangeError, 'Cannot use option "retry": expected a duration >= 0, got -1'],
    [NaN, RangeError, 'Cannot use option "retry": expected a duration >= 0, got NaN'],
    [Infinity, RangeError, `expected a duration of at most ${Number.MAX_SAFE_INTEGER} ms, got Infinity`],
    [{ min: "soon" }, TypeError, 'Cannot use option "retry.min": expected milliseconds or a string'],
    [{ max: -5 }, RangeError, 'Cannot use option "retry.max": expected a duration >= 0, got -5'],
    [
      { min: "1h" },
      RangeError,
      'Cannot use option "retry.min": expected at most max, which is 600000 ms, got 3600000 ms',
    ],
    [{ min: 5, max: 4 }, RangeError, 'Cannot use option "retry.min": expected at most max, which is 4 ms, got 5 ms'],
    [{ factor: 0.5 }, RangeError, 'Cannot use option "retry.factor": expected a number >= 1, got 0.5'],
    [{ factor: NaN }, RangeError, 'Cannot use option "retry.factor": expected a number >= 1, got NaN'],
    [{ factor: Infinity }, RangeError, 'Cannot use option "retry.factor": expected a number >= 1, got Infinity'],
    [{ factor: "2" }, RangeError, 'Cannot use option "retry.factor": expected a number >= 1, got 2'],
    [
      { facter: 2 },
      TypeError,
      'Cannot use option "retry.facter": there is no such option, did you mean "retry.factor"?',
    ],
  ];
  for (const [value, type, message] of invalid) {
    const retry = value as Retry;
    it(`refuses an invalid value: ${message}`, () => {
      assertThrows(() => resolveTaskOptions({ retry }), type, message);
      assertThrows(() => new Worker({ redisUrl: "memory://", retry }), type, message);
      const worker = new Worker({ redisUrl: "memory://" });
      assertThrows(() => worker.task("job", () => {}, { retry }), type, message);
      assertThrows(() => worker.cron("@daily", () => {}, { name: "daily", retry }), type, message);
      assertEquals(worker.registry.size, 0);
    });
  }

  it("is that of the worker, unless the task has one of its own, which may be null", () => {
    const worker = { keepFailed: 0, retry: () => 5 };
    assertEquals(resolveTaskOptions({}, worker).retry, worker.retry);
    assertEquals(resolveTaskOptions({ retry: undefined }, worker).retry, worker.retry);
    assertEquals(resolveTaskOptions({ retry: null }, worker).retry, null);
    assertEquals(resolveTaskOptions({ retry: 7 }, worker).retry!(error, 1), 7);
    assertEquals(resolveTaskOptions({}).retry, null);
    const { taskOptions } = resolveCronOptions("@daily", { retry: 8 }, { timeZone: "UTC" });
    assertEquals(resolveTaskOptions(taskOptions, worker).retry!(error, 1), 8);
  });
});

import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { deferred } from "../../src/base/async.ts";
import type { RedisClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";

const stage = new Stage(onRedis);

describe("a delivery that Redis has forgotten, as after a failover", () => {
  for (const maxTries of [1, 3]) {
    it(`is not started a second time by the worker that still runs it, with maxTries: ${maxTries}`, async () => {
      const worker = await stage.worker({ concurrency: 4, idleTimeout: 400 });
      const { redis, queueName } = worker;
      const gate = deferred<void>();
      let runs = 0;
      const job = worker.task(async function job() {
        runs++;
        await gate.promise;
        return "done";
      }, { maxTries });
      const run = running(worker);
      const task = await job.enqueue();
      await eventually(() => runs === 1);

      const stream = `streaq:${queueName}:queues:normal`;
      const [[entry]] = await redis.command<[[string]]>(["XRANGE", stream, "-", "+"]);
      await redis.command(["XACK", stream, "workers", entry]);
      await redis.command(["XGROUP", "SETID", stream, "workers", "0"]);
      // A read that is under way does not notice; the next one gets the entry again.
      const quick = worker.enqueueUnsafe("unknown");
      await (await quick).result();
      await eventually(async () => {
        const [count] = await redis.command<[number]>(["XPENDING", stream, "workers"]);
        return count === 1;
      });
      // Searches for expired leases pass it over, too.
      await redis.command(["PUBLISH", `streaq:${queueName}:ts:wake`, "released"]);
      await (await worker.enqueueUnsafe("unknown")).result();
      assertEquals([runs, worker.running], [1, 1]);

      gate.resolve();
      const result = await task.result({ timeout: "5s" });
      assertEquals([result.success && result.result, runs], ["done", 1]);
      await run.stop();
      await stage.assertClean(worker);
    });
  }
});

describe("a result that Redis refuses for good", () => {
  it("keeps its lease until the failure that replaces it is stored: the function runs once", async () => {
    const plain = await stage.worker();
    const picky = new PickyClient(plain.redis, "poison");
    const worker = await stage.worker({ redis: picky.client, idleTimeout: 400 });
    let runs = 0;
    const job = worker.task(function job() {
      runs++;
      return "poison";
    });
    picky.onRefused = async () => {
      // A search for expired leases comes in between.
      const before = picky.scripts;
      await plain.redis.command(["PUBLISH", `streaq:${worker.queueName}:ts:wake`, "released"]);
      await eventually(() => picky.scripts > before, { message: "the worker has searched" });
    };
    const run = running(worker);
    const result = await (await job.enqueue()).result({ timeout: "10s" });
    assertEquals([result.success, runs], [false, 1]);
    if (!result.success) assertStringIncludes(result.exception.message, "refused by the test");
    assertEquals(picky.refusals, 1);
    await run.stop();
    await stage.assertClean(plain);
  });
});

/** A real client in front of which one text is refused, as a server refuses a value that is too large for it. */
class PickyClient {
  readonly client: RedisClient;
  refusals = 0;
  /** How many scripts have been answered. */
  scripts = 0;
  /** Runs before the next script that finishes tasks is sent. */
  onRefused: () => Promise<void> = () => Promise.resolve();
  #isRefused = false;

  constructor(client: RedisClient, text: string) {
    const command = async (args: Parameters<RedisClient["command"]>[0], options?: object) => {
      if (args.some((arg) => typeof arg === "string" && arg.includes(`"r":"${text}"`))) {
        this.refusals++;
        this.#isRefused = true;
        throw new (await import("../../src/redis/mod.ts")).ReplyError("ERR refused by the test");
      }
      if (this.#isRefused && args.some((arg) => typeof arg === "string" && arg.includes('"s":false'))) {
        this.#isRefused = false;
        await this.onRefused();
      }
      const reply = await client.command(args, options);
      if (String(args[0]).startsWith("EVAL")) this.scripts++;
      return reply;
    };
    this.client = new Proxy(client, {
      get: (target, name) => {
        if (name === "command") return command;
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

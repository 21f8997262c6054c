import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

describe("a worker with nothing to do", () => {
  it("sends one script every half idleTimeout, and what that calls is all that is done", async () => {
    await using server = await startRedis();
    await using observer = createClient(server.url);
    const worker = await stage.worker({ redisUrl: server.url, idleTimeout: 1000 });
    const run = running(worker);
    // Joining, the first sweep, and what is made up for when the subscription is confirmed.
    await eventually(() => worker.context === undefined);
    await sleep(1500);
    await observer.command(["CONFIG", "RESETSTAT"]);
    await sleep(4000);
    const text = await observer.command<string>(["INFO", "commandstats"]);
    const calls = new Map(
      [...text.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, count]) => [name!, Number(count)]),
    );
    for (const own of ["config|resetstat", "info", "ping"]) calls.delete(own);
    const beats = calls.get("evalsha") ?? 0;
    assert(beats >= 5 && beats <= 9, `${beats} scripts`);
    // Every other time it looks whether a worker that died has left dependents to be told.
    const looks = calls.get("hlen") ?? 0;
    assert(Math.abs(2 * looks - beats) <= 1, `${looks} looks in ${beats} scripts`);
    const expected = { evalsha: beats, hlen: looks, pexpire: beats, xpending: beats };
    assertEquals(new Map([...calls].sort()), new Map(Object.entries(expected)));
    // It is there all the same.
    const task = await worker.task(() => "quick", { name: "job" }).enqueue();
    assertEquals((await task.result({ timeout: "2s" })).result, "quick");
    await run.stop();
  });
});

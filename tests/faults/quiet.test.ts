import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { createClient } from "../../src/redis/mod.ts";
import { onRedis } from "../queue/brokers.ts";
import { running, sleep, Stage } from "../queue/stage.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";
import { blockedClients, commandCalls } from "./server_info.ts";

const stage = new Stage(onRedis);

describe("an idle worker", () => {
  it("sends nothing but one heartbeat script every half idleTimeout", async () => {
    await using server = await startRedis();
    await using observer = createClient(server.url);
    // The janitor tidies after 10 s at the earliest, when all is counted.
    const worker = await stage.worker({ redisUrl: server.url, idleTimeout: 2000 });
    const run = running(worker);
    await eventually(async () => await blockedClients(observer) === 1);
    // Two heartbeats later, each of which calls PEXPIRE, it is done with all that follows from joining and subscribing.
    const heartbeatCount = async () => (await commandCalls(observer)).get("pexpire") ?? 0;
    const before = await heartbeatCount();
    await eventually(async () => await heartbeatCount() >= before + 2);
    await observer.command(["CONFIG", "RESETSTAT"]);
    // The time over which commands are counted.
    await sleep(4000);
    const calls = await commandCalls(observer);
    for (const own of ["config|resetstat", "info", "ping"]) calls.delete(own);
    const heartbeats = calls.get("evalsha") ?? 0;
    assert(heartbeats >= 3 && heartbeats <= 5, `${heartbeats} scripts`);
    // Every other heartbeat looks for the fan-outs of dead workers.
    const lookups = calls.get("hlen") ?? 0;
    assert(Math.abs(2 * lookups - heartbeats) <= 1, `${lookups} lookups in ${heartbeats} scripts`);
    const expected = { evalsha: heartbeats, hlen: lookups, pexpire: heartbeats, xpending: heartbeats };
    assertEquals(new Map([...calls].sort()), new Map(Object.entries(expected)));
    // A new task wakes it at once.
    const task = await worker.task(() => "quick", { name: "job" }).enqueue();
    assertEquals((await task.result({ timeout: "2s" })).result, "quick");
    await run.stop();
  });
});

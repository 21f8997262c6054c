import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { RedisBroker } from "../../../src/broker/redis/redis_broker.ts";
import { ResultWaiter } from "../../../src/broker/redis/result_waiter.ts";
import { finish } from "../../../src/broker/redis/scripts/end/finish.ts";
import { createClient, type RedisClient, ReplyError } from "../../../src/redis/mod.ts";
import { randomId } from "../../../src/base/id.ts";
import { settled } from "../../support/promises.ts";
import { eventually } from "../../support/poll.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

/** A waiter whose commands reject with an error while there is one, and how many there were. */
async function waiterWith(error: Error) {
  const keys = await scene.newQueue();
  const commands: { count: number; error: Error | undefined } = { count: 0, error };
  const redis = {
    listen: scene.redis.listen.bind(scene.redis),
    command: (...args: Parameters<RedisClient["command"]>) => {
      commands.count++;
      return commands.error ? Promise.reject(commands.error) : scene.redis.command(...args);
    },
  } as unknown as RedisClient;
  return { keys, commands, waiter: new ResultWaiter(redis, keys, { binary: false, clock: systemClock }) };
}

describe("ResultWaiter.wait()", () => {
  it("keeps waiting when the server cannot serve for a while", async () => {
    const { keys, commands, waiter } = await waiterWith(
      new ReplyError("LOADING Redis is loading the dataset in memory"),
    );
    const result = waiter.wait("task", undefined);
    await eventually(() => commands.count > 0);
    await scene.redis.command(["SET", keys.result("task"), "result"]);
    commands.error = undefined;
    assertEquals(await result, "result");
  });

  it("rejects when the server refuses to read", async () => {
    const { waiter } = await waiterWith(new ReplyError("NOPERM this user has no permissions"));
    await assertRejects(() => waiter.wait("task", undefined), ReplyError, "NOPERM");
  });
});

describe("RedisBroker.result()", () => {
  it("resolves for a user who may not subscribe, for own tasks and those of others", async () => {
    const { keys, lease } = await scene.rig(["foreign"]);
    await scene.redis.command(["ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "-subscribe"]);
    const url = scene.server.url.replace("redis://", "redis://deaf:secret@");
    await using redis = createClient(url);
    const reader = { hasSucceeded: () => true, failDependent: () => ({ result: "failed", ttl: 60_000 }) };
    const options = { priorities: ["normal"], binary: false, reader, clock: systemClock, redis, ownsRedis: false };
    await using broker = new RedisBroker({ ...options, queueName: keys.prefix.slice("streaq:".length) });
    const id = randomId(broker.idPrefix);
    await broker.publish([{ id, data: "data", priority: "normal" }]);
    const results = [broker.result(id), broker.result("foreign")];
    assertEquals(await settled(Promise.race(results), 100), "pending");
    const deliveries = await lease("worker");
    const completions = deliveries.map((delivery) => ({ delivery, success: true, result: "result", ttl: 60_000 }));
    await finish(scene.redis, keys, "worker", completions);
    assertEquals(await Promise.all(results), ["result", "result"]);
  });
});

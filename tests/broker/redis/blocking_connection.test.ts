import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { BlockingConnection } from "../../../src/broker/redis/blocking_connection.ts";
import type { RedisClient } from "../../../src/redis/mod.ts";
import { gate, settled } from "../../support/promises.ts";
import { Scene } from "../scene.ts";

const scene = new Scene();

describe("BlockingConnection", () => {
  it("read() rejects when close() is called while the connection opens, and leases nothing", async () => {
    const { redis } = scene;
    const { open, opened } = gate();
    const slow = {
      command: redis.command.bind(redis),
      dedicated: async () => {
        await opened;
        return await redis.dedicated();
      },
    } as unknown as RedisClient;
    const key = (await scene.newQueue()).stream("normal");
    const blocking = new BlockingConnection(slow, { clock: systemClock, onKilled: () => {} });
    const command = ["XREADGROUP", "GROUP", "workers", "gone", "BLOCK", 2000, "STREAMS", key, ">"] as const;
    const reading = settled(blocking.read(command, 2000, async () => await Promise.resolve()), 5000);
    await blocking.close();
    open();
    assertEquals(await settled(reading, 1000), "resolved");
    await redis.command(["XADD", key, "*", "task_id", "task"]);
    assertEquals((await redis.command<[number]>(["XPENDING", key, "workers"]))[0], 0);
    assertEquals(await reading, "rejected");
  });
});

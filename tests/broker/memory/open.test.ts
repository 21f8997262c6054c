import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { StreaqError } from "../../../src/base/errors.ts";
import { openBroker, type OpenOptions } from "../../../src/broker/open.ts";
import { createClient } from "../../../src/redis/mod.ts";
import { Lines } from "../../queue/stage.ts";
import { ManualClock } from "./manual_clock.ts";
import { newTasks, reader } from "./rig.ts";

function open(options: Partial<OpenOptions>) {
  return openBroker({
    redisUrl: "memory://open",
    redisOptions: {},
    redis: undefined,
    queueName: "queue",
    priorities: ["low"],
    binary: false,
    reader,
    isInThread: false,
    clock: systemClock,
    logger: new Lines(),
    ...options,
  });
}

describe("openBroker() with a memory:// URL", () => {
  it("opens the same queue for the same URL, queue name and clock, even after every broker was closed", async () => {
    const first = open({});
    await first.publish(newTasks(["a"]));
    await first.close();
    assertEquals(await open({ redisUrl: "Memory://open" }).state("a"), "queued");
    const others = [{ redisUrl: "memory://" }, { queueName: "other" }, { clock: new ManualClock() }];
    for (const options of others) assertEquals(await open(options).state("a"), "missing");
  });

  it("refuses an invalid name without showing a password", () => {
    const names = ["a b", "host:6379", "name/path", "name?db=1", "ü"];
    for (const name of names) assertThrows(() => open({ redisUrl: `memory://${name}` }), TypeError, name);
    assertThrows(() => open({ redisUrl: "memory:name" }), TypeError, "memory:name");
    for (const url of ["memory://user:secret@name", "memory:secret@name"]) {
      const error = assertThrows(() => open({ redisUrl: url }), TypeError, "***@name");
      assert(!String(error).includes("secret"));
    }
  });

  it("refuses options that are meant for Redis", async () => {
    await using redis = createClient("redis://localhost:1");
    assertThrows(() => open({ redis }), TypeError, "redis");
    assertThrows(() => open({ redisOptions: { username: "ann" } }), TypeError, "username");
  });

  it("opens a broker that refuses every call in the thread of a task", async () => {
    const broker = open({ isInThread: true });
    await assertRejects(() => broker.publish(newTasks(["b"])), StreaqError, "thread");
    await assertRejects(() => broker.state("a"), StreaqError, "thread");
  });
});

import { assertEquals, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { createClient, type RedisClient, ReplyError, Script } from "../../src/redis/mod.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";

let server: RedisServer;
let redis: RedisClient;

before(async () => {
  server = await startRedis();
  redis = createClient(server.url);
});
after(async () => {
  await redis?.close();
  await server?.stop();
});

describe("Script", () => {
  const echo = new Script("return { KEYS[1], ARGV[1], #KEYS, #ARGV }");

  it("has the SHA-1 of its source", () => {
    assertEquals(new Script("return 1").sha, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  });

  it("receives keys and arguments, and resolves to its result", async () => {
    assertEquals(await echo.run(redis, ["k"], ["ü", 2, 3n]), ["k", "ü", 1, 3]);
    assertEquals(await new Script("return #KEYS + #ARGV").run<number>(redis, []), 0);
  });

  it("sends its source only to a server that does not have it", async () => {
    await redis.command(["SCRIPT", "FLUSH"]);
    await redis.command(["CONFIG", "RESETSTAT"]);
    for (let i = 0; i < 5; i++) await echo.run(redis, ["k"], [i]);
    await redis.command(["SCRIPT", "FLUSH"]);
    await echo.run(redis, ["k"], [5]);
    const stats = await redis.command<string>(["INFO", "commandstats"]);
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)![1]);
    assertEquals([calls("evalsha"), calls("eval")], [6, 2]);
  });

  it("runs on a server whose cache is flushed all the time", async () => {
    const add = new Script("return redis.call('INCR', KEYS[1])");
    let over = false;
    const flushing = (async () => {
      while (!over) await redis.command(["SCRIPT", "FLUSH"]);
    })();
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, () => add.run(redis, ["n"])));
    over = true;
    await flushing;
    assertEquals(await redis.command(["GET", "n"]), "400");
  });

  it("runs on a dedicated connection, and returns bytes on request", async () => {
    await using own = await redis.dedicated();
    const bytes = await new Script("return ARGV[1]").run<Uint8Array>(own, [], ["v"], { binary: true });
    assertEquals(new Uint8Array(bytes), new Uint8Array([0x76]));
  });

  it("rejects with its own errors after one run", async () => {
    await redis.command(["DEL", "runs"]);
    const script = new Script("redis.call('INCR', KEYS[1]) return redis.error_reply('MINE NOSCRIPT')");
    const error = await assertRejects(() => script.run(redis, ["runs"]), ReplyError);
    assertEquals(error.code, "MINE");
    assertEquals(await redis.command(["GET", "runs"]), "1");
    await assertRejects(() => new Script("this is not Lua").run(redis, []), ReplyError, "compiling");
  });
});

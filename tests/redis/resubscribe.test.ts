import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { createClient, ReplyError } from "../../src/redis/mod.ts";
import { ManualClock } from "../base/manual_clock.ts";
import { listenOnFreePort } from "../support/free_port.ts";
import { eventually } from "../support/poll.ts";
import { startRedis } from "../support/redis_server.ts";

/** Forwards each new connection to the port that `target` returns at that time. */
async function startForwarding(target: () => number): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const forwarded = connect(target(), "127.0.0.1");
    for (const [one, other] of [[socket, forwarded], [forwarded, socket]] as const) {
      sockets.add(one);
      one.on("data", (bytes) => other.write(bytes));
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  const port = await listenOnFreePort(server);
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, [Symbol.asyncDispose]: stop };
}

describe("RedisClient.listen()", () => {
  it("subscribes again to a channel that was left just before the connection was lost", async () => {
    await using server = await startRedis();
    // The clock stands still, so that the channel is not unsubscribed before the connection is lost.
    const clock = new ManualClock();
    await using client = createClient(server.url, { clock });
    await using other = createClient(server.url);
    let subscribed = 0;
    const listener = { message: () => {}, subscribed: () => void subscribed++ };
    const stop = client.listen("channel", listener);
    await eventually(() => subscribed === 1);
    stop();
    await other.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => clock.pending === 0, { message: "the client has noticed the loss" });
    client.listen("channel", listener);
    await eventually(() => subscribed === 2);
  });

  it("subscribes again on the new server after a failover, though the old server stays up", async () => {
    await using old = await startRedis();
    await using primary = await startRedis();
    await using admin = createClient(old.url);
    await using publisher = createClient(primary.url);
    // As behind a name that begins to mean the new server: connections that are open stay open.
    let target = old.port;
    await using address = await startForwarding(() => target);
    let skipped = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skipped };
    const retry = { min: 5, max: 50 };
    await using client = createClient(`redis://127.0.0.1:${address.port}`, { clock, retry });
    const messages: string[] = [];
    let subscribed = 0;
    client.listen("channel", {
      message: (payload) => void messages.push(new TextDecoder().decode(payload)),
      subscribed: () => void subscribed++,
    });
    await client.command(["SET", "a", 1]);
    await eventually(() => subscribed === 1);
    // A connection is kept for as long as the longest pause between two attempts.
    skipped = retry.max;
    await admin.command(["REPLICAOF", "127.0.0.1", 1]);
    target = primary.port;
    await assertRejects(() => client.command(["SET", "a", 1]), ReplyError, "READONLY");
    assertEquals(await client.command(["SET", "a", 2]), "OK");
    await eventually(() => subscribed === 2);
    await publisher.command(["PUBLISH", "channel", "hello"]);
    await eventually(() => messages.length > 0);
    assertEquals(messages, ["hello"]);
  });

  it("keeps its connection when the command connection is lost for another reason", async () => {
    await using server = await startRedis();
    await using client = createClient(server.url, { retry: { min: 5, max: 50 } });
    await using other = createClient(server.url);
    let subscribed = 0;
    client.listen("channel", { message: () => {}, subscribed: () => void subscribed++ });
    await client.connect();
    await eventually(() => subscribed === 1);
    const subscribers = () => other.command<string>(["CLIENT", "LIST", "TYPE", "pubsub"]);
    const id = /id=(\d+)/.exec(await subscribers())![1];
    await other.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    await eventually(() => client.command(["PING"]));
    assertEquals(/id=(\d+)/.exec(await subscribers())![1], id);
  });
});

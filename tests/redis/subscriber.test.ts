import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  ConnectionError,
  createClient,
  type Listener,
  type Message,
  type RedisClient,
  ReplyError,
  SlowConsumerError,
} from "../../src/redis/mod.ts";
import { eventually } from "../support/poll.ts";
import { type RedisServer, startRedis } from "../support/redis_server.ts";
import { startProxy } from "../support/tcp_proxy.ts";

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

const retry = { min: 10, max: 50 };
const publish = (channel: string, message: string | Uint8Array) => redis.command(["PUBLISH", channel, message]);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Creates a listener that keeps its messages. */
function listener() {
  const received: string[] = [];
  const self: Listener & { received: string[]; subscriptions: number } = {
    received,
    subscriptions: 0,
    message: (payload) => void received.push(text(payload)),
    subscribed: () => void self.subscriptions++,
  };
  return self;
}

/** Number of channels with subscriptions on the server. */
async function channels(): Promise<number> {
  return (await redis.command<string[]>(["PUBSUB", "CHANNELS"])).length;
}

for (const protocol of ["RESP3", "RESP2"] as const) {
  describe(`RedisClient.listen() with a server that supports ${protocol}`, () => {
    let other: RedisServer;
    before(async () => {
      other = await startRedis(protocol === "RESP2" ? { args: ["--rename-command", "HELLO", ""] } : {});
    });
    after(() => other?.stop());

    it("receives each message once, in order, as bytes", async () => {
      await using client = createClient(other.url);
      const payloads: Uint8Array[] = [];
      await new Promise<void>((subscribed) =>
        client.listen("c", { message: (payload) => void payloads.push(payload), subscribed })
      );
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      for (const message of [":5", "", "a\r\nb", bytes]) await client.command(["PUBLISH", "c", message]);
      await eventually(() => payloads.length === 4);
      assertEquals(payloads.slice(0, 3).map(text), [":5", "", "a\r\nb"]);
      assertEquals(new Uint8Array(payloads[3]!), bytes);
    });

    it("keeps its connection with pings while there are no messages", async () => {
      await using client = createClient(other.url, { pingInterval: 20, silenceTimeout: 100 });
      const one = listener();
      client.listen("c", one);
      await client.command(["CONFIG", "RESETSTAT"]);
      // The pings, every 20 ms of silence, take longer than silenceTimeout in total.
      await eventually(async () => {
        const stats = await client.command<string>(["INFO", "commandstats"]);
        return Number(/cmdstat_ping:calls=(\d+)/.exec(stats)?.[1]) >= 10;
      });
      await client.command(["PUBLISH", "c", "still here"]);
      await eventually(() => one.received.length === 1);
      assertEquals(one.subscriptions, 1);
    });
  });
}

describe("RedisClient.listen()", () => {
  it("shares one subscription among the listeners of a channel", async () => {
    await using client = createClient(server.url);
    const [a, b, c] = [listener(), listener(), listener()];
    const stopA = client.listen("shared", a);
    const stopB = client.listen("shared", b);
    await eventually(() => a.subscriptions === 1 && b.subscriptions === 1);
    const stopC = client.listen("shared", c);
    await eventually(() => c.subscriptions === 1);
    assertEquals([a.subscriptions, b.subscriptions], [1, 1]);
    await publish("shared", "one");
    await eventually(() => c.received.length === 1);
    stopA();
    stopA();
    await publish("shared", "two");
    await eventually(() => c.received.length === 2);
    assertEquals([a.received, b.received, c.received], [["one"], ["one", "two"], ["one", "two"]]);
    stopB();
    assertEquals(await channels(), 1);
    stopC();
    await eventually(async () => await channels() === 0);
  });

  it("accepts the same listener twice", async () => {
    await using client = createClient(server.url);
    const twice = listener();
    const stop = client.listen("twice", twice);
    client.listen("twice", twice);
    await eventually(() => twice.subscriptions === 2);
    await publish("twice", "x");
    await eventually(() => twice.received.length === 2);
    stop();
    await publish("twice", "y");
    await eventually(() => twice.received.length === 3);
  });

  it("subscribes to the channels of a tick with one command, and unsubscribes with one", async () => {
    await using client = createClient(server.url);
    const first = listener();
    client.listen("first", first);
    await eventually(() => first.subscriptions === 1);
    await redis.command(["CONFIG", "RESETSTAT"]);
    let confirmed = 0;
    const names = Array.from({ length: 900 }, (_, i) => `tick${i}`);
    const stops = names.map((name) => client.listen(name, { message() {}, subscribed: () => void confirmed++ }));
    await eventually(() => confirmed === 900);
    assertEquals(await channels(), 901);
    for (const stop of stops) stop();
    await eventually(async () => await channels() === 1);
    const stats = await redis.command<string>(["INFO", "commandstats"]);
    assertEquals(/cmdstat_subscribe:calls=(\d+)/.exec(stats)![1], "1");
    assertEquals(/cmdstat_unsubscribe:calls=(\d+)/.exec(stats)![1], "1");
  });

  it("sends nothing for a channel that is left in the same tick", async () => {
    await using client = createClient(server.url);
    const first = listener();
    client.listen("first", first);
    await eventually(() => first.subscriptions === 1);
    await redis.command(["CONFIG", "RESETSTAT"]);
    client.listen("brief", listener())();
    await publish("first", "x");
    await eventually(() => first.received.length === 1);
    const stats = await redis.command<string>(["INFO", "commandstats"]);
    assert(!stats.includes("cmdstat_subscribe"), stats);
  });

  it("misses no message after the confirmation, however listeners are added and removed", async () => {
    await using client = createClient(server.url);
    const rounds = 300;
    await Promise.all(Array.from({ length: 20 }, async (_, lane) => {
      for (let round = 0; round < rounds / 20; round++) {
        // A few names only, so that subscribing and unsubscribing overlap.
        const name = `race${(lane + round) % 3}`;
        const word = `${lane}:${round}`;
        await new Promise<void>((resolve) => {
          const stop = client.listen(name, {
            subscribed: () => void publish(name, word),
            message(payload) {
              if (text(payload) !== word) return;
              stop();
              resolve();
            },
          });
          if (round % 4 === 0) client.listen(name, listener())();
        });
      }
    }));
    await eventually(async () => await channels() === 0);
  });

  it("handles 20,000 channels, also after a lost connection", async () => {
    await using client = createClient(server.url, { retry });
    const count = 20_000;
    let confirmed = 0;
    let received = 0;
    const stops = Array.from(
      { length: count },
      (_, i) => client.listen(`many${i}`, { message: () => void received++, subscribed: () => void confirmed++ }),
    );
    await eventually(() => confirmed === count, { timeout: 20_000 });
    await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => confirmed === 2 * count, { timeout: 20_000 });
    await Promise.all(Array.from({ length: count }, (_, i) => publish(`many${i}`, "x")));
    await eventually(() => received === count, { timeout: 20_000 });
    for (const stop of stops) stop();
    await eventually(async () => await channels() === 0);
  });

  it("subscribes again after a lost connection, and notifies its listeners", async () => {
    await using client = createClient(server.url, { retry });
    const one = listener();
    client.listen("again", one);
    for (let round = 1; round <= 5; round++) {
      await eventually(() => one.subscriptions === round);
      await publish("again", `${round}`);
      await eventually(() => one.received.length === round);
      await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    assertEquals(one.received, ["1", "2", "3", "4", "5"]);
  });

  it("notifies its listeners of an unreachable server, and subscribes when it is back", async () => {
    await using proxy = await startProxy(server.port);
    proxy.refuse();
    await using client = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, connectTimeout: 50 });
    const failures: Error[] = [];
    const one = { ...listener(), failed: (reason: Error) => void failures.push(reason) };
    let subscribed = false;
    client.listen("late", { ...one, subscribed: () => void (subscribed = true) });
    await eventually(() => failures.length === 1);
    assertInstanceOf(failures[0], ConnectionError);
    await proxy.accept();
    await eventually(() => subscribed);
  });

  it("notifies only the listeners of channels that the server refuses", async () => {
    await redis.command(["ACL", "SETUSER", "ear", "on", ">pw", "+@all", "~*", "resetchannels", "&open*"]);
    await using client = createClient(`redis://ear:pw@127.0.0.1:${server.port}`);
    const failures: string[] = [];
    const [one, other] = [listener(), listener()];
    client.listen("open1", one);
    const stop = client.listen("secret", {
      message() {},
      failed: (reason) => void failures.push((reason as ReplyError).code),
    });
    client.listen("open2", other);
    await eventually(() => failures.length === 1 && one.subscriptions === 1 && other.subscriptions === 1);
    assertEquals(failures, ["NOPERM"]);
    stop();
    await publish("open2", "x");
    await eventually(() => other.received.length === 1);
    await client.command(["PING"]);
  });

  it("logs the error of a listener that throws, and continues", async () => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    await using client = createClient(server.url, { logger: { debug: log, info: log, warn: log, error: log } });
    const good = listener();
    const broken = () => {
      throw new Error("broken");
    };
    client.listen("throws", { message: broken, subscribed: broken });
    client.listen("throws", good);
    await eventually(() => good.subscriptions === 1);
    await publish("throws", "x");
    await eventually(() => good.received.length === 1);
    assertEquals(lines, Array(2).fill("A channel listener has thrown an error: broken"));
  });

  it("notifies its listeners when the client is closed", async () => {
    const client = createClient(server.url);
    const reasons: Error[] = [];
    client.listen("c", { message() {}, closed: (reason) => void reasons.push(reason) });
    await client.close();
    assertEquals(reasons.map((reason) => reason.message), ["The client was closed"]);
  });
});

describe("RedisClient.subscribe()", () => {
  it("yields the messages of its channels only", async () => {
    await using client = createClient(server.url);
    const onSubscribed = async () => {
      await publish("b", "1");
      await publish("other", "x");
      await publish("a", "ü\r\n€");
      await publish("b", "");
    };
    const messages: Message[] = [];
    for await (const message of client.subscribe(["a", "b", "a"], { onSubscribed: () => void onSubscribed() })) {
      if (messages.push(message) === 3) break;
    }
    assertEquals(messages, [
      { channel: "b", message: "1" },
      { channel: "a", message: "ü\r\n€" },
      { channel: "b", message: "" },
    ]);
    await eventually(async () => await channels() === 0);
  });

  it("calls onSubscribed when all channels are confirmed, after each connection", async () => {
    await using client = createClient(server.url, { retry });
    let subscribed = 0;
    const messages = client.subscribe(["a", "b", "c"], { onSubscribed: () => void subscribed++ });
    await eventually(() => subscribed === 1);
    assertEquals(await channels(), 3);
    await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => subscribed === 2);
    await publish("c", "x");
    assertEquals(await messages.next(), { value: { channel: "c", message: "x" }, done: false });
    await messages.return?.();
  });

  it("buffers messages, and rejects when the buffer is full", async () => {
    await using client = createClient(server.url);
    let subscribed = false;
    const messages = client.subscribe(["c"], { buffer: 3, onSubscribed: () => void (subscribed = true) });
    await eventually(() => subscribed);
    for (let i = 0; i < 5; i++) await publish("c", `${i}`);
    await eventually(async () => await channels() === 0);
    for (let i = 0; i < 3; i++) assertEquals((await messages.next()).value?.message, `${i}`);
    await assertRejects(() => messages.next(), SlowConsumerError, "the buffer of 3 messages is full");
    assertEquals(await messages.next(), { value: undefined, done: true });
  });

  it("settles concurrent calls of next() in order", async () => {
    await using client = createClient(server.url);
    let subscribed = false;
    const messages = client.subscribe(["c"], { onSubscribed: () => void (subscribed = true) });
    const taken = [messages.next(), messages.next(), messages.next()];
    await eventually(() => subscribed);
    await publish("c", "1");
    await publish("c", "2");
    assertEquals((await Promise.all(taken.slice(0, 2))).map(({ value }) => value?.message), ["1", "2"]);
    await messages.return?.();
    assertEquals(await taken[2], { value: undefined, done: true });
  });

  it("rejects with the reason of a signal that is aborted before or during the iteration", async () => {
    await using client = createClient(server.url);
    const reason = new Error("enough");
    const early = client.subscribe(["c"], { signal: AbortSignal.abort(reason) });
    assertEquals(await early.next().catch((e) => e), reason);
    assertEquals(await early.next(), { value: undefined, done: true });

    const controller = new AbortController();
    const messages = client.subscribe(["c"], { signal: controller.signal });
    const taken = messages.next().catch((e) => e);
    await eventually(async () => await channels() === 1);
    controller.abort(reason);
    assertEquals(await taken, reason);
    await eventually(async () => await channels() === 0);
  });

  it("ends when the client is closed", async () => {
    const client = createClient(server.url);
    const all: Message[] = [];
    const iterated = (async () => {
      for await (const message of client.subscribe(["c"])) all.push(message);
    })();
    await eventually(async () => await channels() === 1);
    await client.close();
    await iterated;
    assertEquals(all, []);
  });

  it("rejects immediately during an outage longer than connectTimeout", async () => {
    await using proxy = await startProxy(server.port);
    await using client = createClient(`redis://127.0.0.1:${proxy.port}`, { retry, connectTimeout: 50 });
    const failures: Error[] = [];
    const one = listener();
    client.listen("stays", { ...one, failed: (reason) => void failures.push(reason), subscribed: one.subscribed! });
    await eventually(() => one.subscriptions === 1);
    proxy.refuse();
    proxy.cut();
    await eventually(() => failures.length === 1);
    const error = await assertRejects(() => client.subscribe(["late"]).next(), ConnectionError);
    assertEquals(error.code, "UNREACHABLE");
    await proxy.accept();
    await eventually(() => one.subscriptions === 2);
  });

  it("rejects when the server refuses", async () => {
    await redis.command(["ACL", "SETUSER", "deaf", "on", ">pw", "+@all", "~*", "resetchannels"]);
    await using client = createClient(`redis://deaf:pw@127.0.0.1:${server.port}`);
    const error = await assertRejects(() => client.subscribe(["c"]).next(), ReplyError);
    assertEquals(error.code, "NOPERM");
  });

  it("rejects with the error of onSubscribed", async () => {
    await using client = createClient(server.url);
    const onSubscribed = () => {
      throw new Error("mine");
    };
    await assertRejects(() => client.subscribe(["c"], { onSubscribed }).next(), Error, "mine");
    const later = () => Promise.reject(new Error("mine too"));
    await assertRejects(() => client.subscribe(["c"], { onSubscribed: later }).next(), Error, "mine too");
  });

  it("refuses an invalid buffer", () => {
    assertThrows(() => redis.subscribe(["c"], { buffer: 0 }), RangeError, "buffer");
  });
});

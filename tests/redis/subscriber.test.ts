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

/** A listener that keeps what it hears. */
function listener() {
  const heard: string[] = [];
  const self: Listener & { heard: string[]; subscriptions: number } = {
    heard,
    subscriptions: 0,
    message: (payload) => void heard.push(text(payload)),
    subscribed: () => void self.subscriptions++,
  };
  return self;
}

/** How many channels the server knows of, and how many commands have subscribed to one. */
async function channels(): Promise<number> {
  return (await redis.command<string[]>(["PUBSUB", "CHANNELS"])).length;
}

for (const protocol of ["RESP3", "RESP2"] as const) {
  describe(`RedisClient.listen() to a server that knows ${protocol}`, () => {
    let other: RedisServer;
    before(async () => {
      other = await startRedis(protocol === "RESP2" ? { args: ["--rename-command", "HELLO", ""] } : {});
    });
    after(() => other?.stop());

    it("hears each message once, in order, in bytes", async () => {
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

    it("answers its own pings", async () => {
      await using client = createClient(other.url, { pingInterval: 20, silenceTimeout: 100 });
      let subscriptions = 0;
      const heard: string[] = [];
      client.listen("c", {
        message: (payload) => void heard.push(text(payload)),
        subscribed: () => void subscriptions++,
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await client.command(["PUBLISH", "c", "still here"]);
      await eventually(() => heard.length === 1);
      assertEquals(subscriptions, 1);
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
    await eventually(() => c.heard.length === 1);
    stopA();
    stopA();
    await publish("shared", "two");
    await eventually(() => c.heard.length === 2);
    assertEquals([a.heard, b.heard, c.heard], [["one"], ["one", "two"], ["one", "two"]]);
    stopB();
    assertEquals(await channels(), 1);
    stopC();
    await eventually(async () => await channels() === 0);
  });

  it("takes the same listener twice", async () => {
    await using client = createClient(server.url);
    const twice = listener();
    const stop = client.listen("twice", twice);
    client.listen("twice", twice);
    await eventually(() => twice.subscriptions === 2);
    await publish("twice", "x");
    await eventually(() => twice.heard.length === 2);
    stop();
    await publish("twice", "y");
    await eventually(() => twice.heard.length === 3);
  });

  it("asks for what came in a tick with one command, and gives it up with one", async () => {
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

  it("says nothing to the server about what came and went in the same tick", async () => {
    await using client = createClient(server.url);
    const first = listener();
    client.listen("first", first);
    await eventually(() => first.subscriptions === 1);
    await redis.command(["CONFIG", "RESETSTAT"]);
    client.listen("brief", listener())();
    await publish("first", "x");
    await eventually(() => first.heard.length === 1);
    const stats = await redis.command<string>(["INFO", "commandstats"]);
    assert(!stats.includes("cmdstat_subscribe"), stats);
  });

  it("misses nothing after the confirmation, however channels come and go", async () => {
    await using client = createClient(server.url);
    const rounds = 300;
    await Promise.all(Array.from({ length: 20 }, async (_, lane) => {
      for (let round = 0; round < rounds / 20; round++) {
        // The same few names all the time, so that leaving and coming back overlap.
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

  it("keeps up with 20,000 channels, also over a lost connection", async () => {
    await using client = createClient(server.url, { retry });
    const count = 20_000;
    let confirmed = 0;
    let heard = 0;
    const stops = Array.from(
      { length: count },
      (_, i) => client.listen(`many${i}`, { message: () => void heard++, subscribed: () => void confirmed++ }),
    );
    await eventually(() => confirmed === count, { timeout: 20_000 });
    await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await eventually(() => confirmed === 2 * count, { timeout: 20_000 });
    await Promise.all(Array.from({ length: count }, (_, i) => publish(`many${i}`, "x")));
    await eventually(() => heard === count, { timeout: 20_000 });
    for (const stop of stops) stop();
    await eventually(async () => await channels() === 0);
  });

  it("begins again after a lost connection, and says so", async () => {
    await using client = createClient(server.url, { retry });
    const one = listener();
    client.listen("again", one);
    for (let round = 1; round <= 5; round++) {
      await eventually(() => one.subscriptions === round);
      await publish("again", `${round}`);
      await eventually(() => one.heard.length === round);
      await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    assertEquals(one.heard, ["1", "2", "3", "4", "5"]);
  });

  it("stays through the absence of a server, and tells", async () => {
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

  it("finds out which channel the server refuses", async () => {
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
    await eventually(() => other.heard.length === 1);
    await client.command(["PING"]);
  });

  it("survives a listener that throws, and logs it", async () => {
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
    await eventually(() => good.heard.length === 1);
    assertEquals(lines, Array(2).fill("A listener of a channel has failed: broken"));
  });

  it("tells its listeners of the close", async () => {
    const client = createClient(server.url);
    const reasons: Error[] = [];
    client.listen("c", { message() {}, closed: (reason) => void reasons.push(reason) });
    await client.close();
    assertEquals(reasons.map((reason) => reason.message), ["Client closed"]);
  });
});

describe("RedisClient.subscribe()", () => {
  it("gives the messages of its channels, and only those", async () => {
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

  it("calls onSubscribed once all channels are confirmed, after each connection", async () => {
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

  it("buffers what is not taken yet, and ends with an error when the buffer is full", async () => {
    await using client = createClient(server.url);
    let subscribed = false;
    const messages = client.subscribe(["c"], { buffer: 3, onSubscribed: () => void (subscribed = true) });
    await eventually(() => subscribed);
    for (let i = 0; i < 5; i++) await publish("c", `${i}`);
    await eventually(async () => await channels() === 0);
    for (let i = 0; i < 3; i++) assertEquals((await messages.next()).value?.message, `${i}`);
    await assertRejects(() => messages.next(), SlowConsumerError, "the buffer is full: 3");
    assertEquals(await messages.next(), { value: undefined, done: true });
  });

  it("serves several takers in order", async () => {
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

  it("rejects with the signal's reason, at once and later", async () => {
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

  it("ends with the client", async () => {
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

  it("rejects at once during an outage that has lasted too long", async () => {
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

  it("rejects with the server's refusal", async () => {
    await redis.command(["ACL", "SETUSER", "deaf", "on", ">pw", "+@all", "~*", "resetchannels"]);
    await using client = createClient(`redis://deaf:pw@127.0.0.1:${server.port}`);
    const error = await assertRejects(() => client.subscribe(["c"]).next(), ReplyError);
    assertEquals(error.code, "NOPERM");
  });

  it("rejects with what onSubscribed throws", async () => {
    await using client = createClient(server.url);
    const onSubscribed = () => {
      throw new Error("mine");
    };
    await assertRejects(() => client.subscribe(["c"], { onSubscribed }).next(), Error, "mine");
    const later = () => Promise.reject(new Error("mine too"));
    await assertRejects(() => client.subscribe(["c"], { onSubscribed: later }).next(), Error, "mine too");
  });

  it("refuses a buffer that is none", () => {
    assertThrows(() => redis.subscribe(["c"], { buffer: 0 }), RangeError, "buffer");
  });
});

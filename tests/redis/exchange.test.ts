import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { Command, type CommandArguments } from "../../src/redis/command.ts";
import { Exchange } from "../../src/redis/exchange.ts";
import { ProtocolError, type Reply, ReplyError } from "../../src/redis/mod.ts";

/** Creates an exchange without a connection, which records its events. */
function start() {
  const events: string[] = [];
  const exchange = new Exchange(undefined, {
    waiting: () => void events.push("waiting"),
    readOnly: (refusal) => void events.push(refusal.code),
  });
  const send = (args: CommandArguments, binary = false): Promise<Reply> =>
    new Promise((resolve, reject) => exchange.send(new Command(args, binary, resolve, reject)));
  const receive = (text: string) => exchange.receive(new TextEncoder().encode(text));
  return { exchange, events, send, receive };
}

describe("Exchange", () => {
  it("resolves commands in the order in which they were sent", async () => {
    const { exchange, send, receive } = start();
    const replies = [send(["GET", "a"]), send(["GET", "b"]), send(["GET", "c"])];
    assertEquals(exchange.take().join(""), "abc".replace(/./g, "*2\r\n$3\r\nGET\r\n$1\r\n$&\r\n"));
    receive("+1\r\n$1\r");
    receive("\n2\r\n:3\r\n");
    assertEquals(await Promise.all(replies), ["1", "2", 3]);
  });

  it("counts the commands in flight", () => {
    const { exchange, events, send, receive } = start();
    void send(["PING"]);
    void send(["PING"]);
    assertEquals([exchange.inFlight, exchange.bytesInFlight, exchange.unwritten], [2, 28, 28]);
    exchange.take();
    assertEquals([exchange.inFlight, exchange.bytesInFlight, exchange.unwritten], [2, 28, 0]);
    receive("+PONG\r\n");
    assertEquals([exchange.inFlight, exchange.bytesInFlight], [1, 14]);
    receive("+PONG\r\n");
    assertEquals([exchange.inFlight, exchange.bytesInFlight], [0, 0]);
    void send(["PING"]);
    assertEquals(events, ["waiting", "waiting"]);
  });

  it("rejects a command with an error reply, and continues", async () => {
    const { send, receive } = start();
    const [refused, next] = [send(["A"]), send(["B"])];
    receive("-ERR no\r\n+yes\r\n");
    await assertRejects(() => refused, ReplyError, "ERR no");
    assertEquals(await next, "yes");
  });

  it("decodes each reply as its command requests", async () => {
    const { send, receive } = start();
    const replies = [send(["A"], true), send(["B"]), send(["C"], true)];
    receive("$1\r\nx\r\n$1\r\nx\r\n*1\r\n$1\r\nx\r\n");
    const [a, b, c] = await Promise.all(replies);
    assertInstanceOf(a, Uint8Array);
    assertEquals(b, "x");
    assertInstanceOf((c as Reply[])[0], Uint8Array);
  });

  it("ignores pushes", async () => {
    const { send, receive } = start();
    const reply = send(["GET", "a"]);
    receive(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n+x\r\n>1\r\n+y\r\n");
    assertEquals(await reply, "x");
  });

  it("refuses a reply without a command in flight", () => {
    assertThrows(() => start().receive("+OK\r\n"), ProtocolError, "expected none, as no command is in flight");
    assertThrows(() => start().exchange.acknowledge(), ProtocolError, "expected none, as no command is in flight");
  });

  it("reports that the server has become a replica", async () => {
    const { events, send, receive } = start();
    const reply = send(["SET", "a", 1]);
    receive("-READONLY You can't write against a read only replica.\r\n");
    await assertRejects(() => reply, ReplyError);
    assertEquals(events, ["waiting", "READONLY"]);
  });

  it("sends the commands that follow a command right after it", () => {
    const { exchange } = start();
    const nothing = () => {};
    const second = new Command(["B"], false, nothing, nothing);
    const first = new Command(["A"], false, nothing, nothing);
    first.next = second;
    exchange.send(first);
    assertEquals(exchange.take().join(""), "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n");
    assertEquals([first.state, second.state, exchange.inFlight], ["sent", "sent", 2]);
  });

  it("sends nothing of a command with an invalid argument", () => {
    const { exchange } = start();
    const nothing = () => {};
    const broken = new Command(["SET", "a", undefined as unknown as string], false, nothing, nothing);
    assertThrows(() => exchange.send(broken), TypeError);
    assertEquals([broken.state, exchange.inFlight, exchange.unwritten, exchange.bytesInFlight], ["waiting", 0, 0, 0]);
  });

  it("passes each reply to its diversion first", async () => {
    const { exchange, send, receive } = start();
    const diverted: Reply[] = [];
    exchange.divert((value) => Array.isArray(value) && diverted.push(value) > 0, { binary: false });
    const reply = send(["PING"]);
    receive("*1\r\n+a\r\n+PONG\r\n*1\r\n+b\r\n");
    assertEquals(await reply, "PONG");
    assertEquals(diverted, [["a"], ["b"]]);
  });

  it("settles a command with several replies after the last one, or with an error", async () => {
    const { exchange, receive } = start();
    const subscribe = (replies: number) =>
      new Promise<Reply>((resolve, reject) => {
        const command = new Command(["SUBSCRIBE", "x"], false, resolve, reject);
        command.replies = replies;
        exchange.send(command);
      });
    const [first, second] = [subscribe(2), subscribe(2)];
    exchange.acknowledge();
    assertEquals(exchange.inFlight, 2);
    exchange.acknowledge();
    assertEquals([await first, exchange.inFlight], [null, 1]);
    receive("-NOPERM no\r\n");
    await assertRejects(() => second, ReplyError, "NOPERM");
    assertEquals([exchange.inFlight, exchange.bytesInFlight], [0, 0]);
  });

  it("rejects the commands in flight when it is abandoned", async () => {
    const { exchange, send } = start();
    const replies = [send(["A"]), send(["B"])];
    exchange.abandon(new Error("gone"));
    for (const reply of replies) {
      await assertRejects(() => reply, Error, "gone");
    }
    assertEquals(exchange.inFlight, 0);
  });
});

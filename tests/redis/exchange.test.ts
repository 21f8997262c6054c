import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { Command, type CommandArguments } from "../../src/redis/command.ts";
import { Exchange } from "../../src/redis/exchange.ts";
import { ProtocolError, type Reply, ReplyError } from "../../src/redis/mod.ts";

/** An exchange without a connection: what it sends is kept, what it receives is given. */
function start() {
  const noticed: string[] = [];
  const exchange = new Exchange(undefined, {
    owes: () => void noticed.push("owes"),
    misplaced: (refusal) => void noticed.push(refusal.code),
  });
  const send = (args: CommandArguments, binary = false): Promise<Reply> =>
    new Promise((resolve, reject) => exchange.send(new Command(args, binary, resolve, reject)));
  const receive = (text: string) => exchange.receive(new TextEncoder().encode(text));
  return { exchange, noticed, send, receive };
}

describe("Exchange", () => {
  it("answers commands in the order in which they were sent", async () => {
    const { exchange, send, receive } = start();
    const replies = [send(["GET", "a"]), send(["GET", "b"]), send(["GET", "c"])];
    assertEquals(exchange.take().join(""), "abc".replace(/./g, "*2\r\n$3\r\nGET\r\n$1\r\n$&\r\n"));
    receive("+1\r\n$1\r");
    receive("\n2\r\n:3\r\n");
    assertEquals(await Promise.all(replies), ["1", "2", 3]);
  });

  it("keeps count of what is in flight", () => {
    const { exchange, noticed, send, receive } = start();
    void send(["PING"]);
    void send(["PING"]);
    assertEquals([exchange.owed, exchange.bytes, exchange.pending], [2, 28, 28]);
    exchange.take();
    assertEquals([exchange.owed, exchange.bytes, exchange.pending], [2, 28, 0]);
    receive("+PONG\r\n");
    assertEquals([exchange.owed, exchange.bytes], [1, 14]);
    receive("+PONG\r\n");
    assertEquals([exchange.owed, exchange.bytes], [0, 0]);
    void send(["PING"]);
    assertEquals(noticed, ["owes", "owes"]);
  });

  it("rejects with an error, and goes on", async () => {
    const { send, receive } = start();
    const [refused, next] = [send(["A"]), send(["B"])];
    receive("-ERR no\r\n+yes\r\n");
    await assertRejects(() => refused, ReplyError, "ERR no");
    assertEquals(await next, "yes");
  });

  it("reads each reply as its command wants it", async () => {
    const { send, receive } = start();
    const replies = [send(["A"], true), send(["B"]), send(["C"], true)];
    receive("$1\r\nx\r\n$1\r\nx\r\n*1\r\n$1\r\nx\r\n");
    const [a, b, c] = await Promise.all(replies);
    assertInstanceOf(a, Uint8Array);
    assertEquals(b, "x");
    assertInstanceOf((c as Reply[])[0], Uint8Array);
  });

  it("passes over pushes that nobody asked for", async () => {
    const { send, receive } = start();
    const reply = send(["GET", "a"]);
    receive(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n+x\r\n>1\r\n+y\r\n");
    assertEquals(await reply, "x");
  });

  it("takes no reply that no command asked for", () => {
    assertThrows(() => start().receive("+OK\r\n"), ProtocolError, "Expected no reply");
    assertThrows(() => start().exchange.acknowledge(), ProtocolError, "Expected no reply");
  });

  it("notices that the server has become a replica", async () => {
    const { noticed, send, receive } = start();
    const reply = send(["SET", "a", 1]);
    receive("-READONLY You can't write against a read only replica.\r\n");
    await assertRejects(() => reply, ReplyError);
    assertEquals(noticed, ["owes", "READONLY"]);
  });

  it("sends what follows a command right behind it", () => {
    const { exchange } = start();
    const nothing = () => {};
    const second = new Command(["B"], false, nothing, nothing);
    const first = new Command(["A"], false, nothing, nothing);
    first.next = second;
    exchange.send(first);
    assertEquals(exchange.take().join(""), "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n");
    assertEquals([first.state, second.state, exchange.owed], ["sent", "sent", 2]);
  });

  it("sends nothing of a command that cannot be sent", () => {
    const { exchange } = start();
    const nothing = () => {};
    const broken = new Command(["SET", "a", undefined as unknown as string], false, nothing, nothing);
    assertThrows(() => exchange.send(broken), TypeError);
    assertEquals([broken.state, exchange.owed, exchange.pending, exchange.bytes], ["waiting", 0, 0, 0]);
  });

  it("offers each reply to whom it is diverted first", async () => {
    const { exchange, send, receive } = start();
    const diverted: Reply[] = [];
    exchange.divert((value) => Array.isArray(value) && diverted.push(value) > 0, { binary: false });
    const reply = send(["PING"]);
    receive("*1\r\n+a\r\n+PONG\r\n*1\r\n+b\r\n");
    assertEquals(await reply, "PONG");
    assertEquals(diverted, [["a"], ["b"]]);
  });

  it("settles a command of many replies with the last of them, or with an error", async () => {
    const { exchange, receive } = start();
    const subscribe = (replies: number) =>
      new Promise<Reply>((resolve, reject) => {
        const command = new Command(["SUBSCRIBE", "x"], false, resolve, reject);
        command.replies = replies;
        exchange.send(command);
      });
    const [first, second] = [subscribe(2), subscribe(2)];
    exchange.acknowledge();
    assertEquals(exchange.owed, 2);
    exchange.acknowledge();
    assertEquals([await first, exchange.owed], [null, 1]);
    receive("-NOPERM no\r\n");
    await assertRejects(() => second, ReplyError, "NOPERM");
    assertEquals([exchange.owed, exchange.bytes], [0, 0]);
  });

  it("rejects everything in flight when it is abandoned", async () => {
    const { exchange, send } = start();
    const replies = [send(["A"]), send(["B"])];
    exchange.abandon(new Error("gone"));
    for (const reply of replies) {
      await assertRejects(() => reply, Error, "gone");
    }
    assertEquals(exchange.owed, 0);
  });
});

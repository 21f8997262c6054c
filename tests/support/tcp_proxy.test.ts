import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { startByteServer } from "./byte_server.ts";
import { eventually } from "./poll.ts";
import { startProxy } from "./tcp_proxy.ts";

const echo = { onData: (peer: { write(bytes: Uint8Array): void }, bytes: Uint8Array) => peer.write(bytes) };

describe("startProxy()", () => {
  it("forwards in both directions and counts connections", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);
    const first = await open(proxy.port);
    const second = await open(proxy.port);
    first.socket.write("one");
    second.socket.write("two");
    await eventually(() => assertEquals([first.text(), second.text()], ["one", "two"]));
    assertEquals([proxy.connections, proxy.accepted], [2, 2]);
    first.socket.end();
    await eventually(() => assertEquals([proxy.connections, proxy.accepted], [1, 2]));
  });

  it("cut() closes connections on both sides, and new ones are accepted", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);
    const before = await open(proxy.port);
    before.socket.write("x");
    await eventually(() => before.text() === "x");
    proxy.cut();
    await before.closed;
    await eventually(() => proxy.connections === 0);
    const after = await open(proxy.port);
    after.socket.write("again");
    await eventually(() => after.text() === "again");
  });

  it("cutAfter() closes the connection after the given number of bytes from one side", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);

    proxy.cutAfter(5);
    const reader = await open(proxy.port);
    reader.socket.write("abc");
    await eventually(() => reader.text() === "abc");
    reader.socket.write("defg");
    await reader.closed;
    assertEquals(reader.text(), "abcde");

    proxy.cutAfter(2, "client");
    const writer = await open(proxy.port);
    writer.socket.write("abc");
    await writer.closed;
    assertEquals(server.peers[1]?.text, "ab");
  });

  it("swallow() keeps connections open but forwards nothing until resume()", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);
    const client = await open(proxy.port);
    client.socket.write("1");
    await eventually(() => client.text() === "1");

    proxy.swallow();
    client.socket.write("2");
    server.peers[0]?.write("!");
    await eventually(() => assertEquals([proxy.heldFrom("client"), proxy.heldFrom("server")], ["2", "!"]));
    assertEquals([client.text(), server.peers[0]?.text], ["1", "1"]);

    server.peers[0]?.end();
    await assertRejects(() => eventually(() => client.closed, { timeout: 100 }), Error);

    proxy.resume();
    await eventually(() => assertEquals([client.text(), server.peers[0]?.text], ["1!", "12"]));
    assertEquals([proxy.heldFrom("client"), proxy.heldFrom("server")], ["", ""]);
    await client.closed;
  });

  it("delay() delays every piece and keeps their order", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);
    const client = await open(proxy.port);
    proxy.delay(50, 20);
    const started = performance.now();
    for (const byte of "abcdefgh") client.socket.write(byte);
    await eventually(() => client.text() === "abcdefgh");
    assertGreaterOrEqual(performance.now() - started, 99);
  });

  it("refuse() refuses new connections and keeps open ones, until accept()", async () => {
    await using server = await startByteServer(echo);
    await using proxy = await startProxy(server.port);
    const early = await open(proxy.port);
    proxy.refuse();
    const refused = await assertRejects(() => open(proxy.port), Error);
    assertEquals((refused as { code?: string }).code, "ECONNREFUSED");
    early.socket.write("still here");
    await eventually(() => early.text() === "still here");
    await proxy.accept();
    const late = await open(proxy.port);
    late.socket.write("back");
    await eventually(() => late.text() === "back");
  });

  it("closes the connection of a client when no server listens behind the proxy", async () => {
    const server = await startByteServer();
    await server[Symbol.asyncDispose]();
    await using proxy = await startProxy(server.port);
    const client = await open(proxy.port);
    await client.closed;
  });
});

interface Client {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  text(): string;
}

async function open(port: number): Promise<Client> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let text = "";
  socket.on("data", (bytes) => text += bytes);
  socket.on("error", () => {}); // A reset closes the connection as well.
  return { socket, text: () => text, closed: new Promise((resolve) => socket.once("close", resolve)) };
}

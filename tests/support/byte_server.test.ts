import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { startByteServer } from "./byte_server.ts";
import { eventually } from "./poll.ts";

describe("startByteServer()", () => {
  it("records the bytes of each connection, and answers as scripted", async () => {
    await using server = await startByteServer({
      onConnect: (peer) => peer.write(`hello ${peer.index};`),
      onData: (peer, bytes) => {
        peer.write(bytes.toReversed());
        if (peer.text.endsWith("!")) peer.end();
      },
    });
    const answers = await Promise.all(["one!", "two!"].map(async (text) => {
      const socket = connect(server.port, "127.0.0.1");
      let answer = "";
      socket.on("data", (bytes) => answer += bytes);
      socket.write(text);
      await once(socket, "close");
      return answer;
    }));
    assertEquals(answers.sort(), ["hello 0;!eno", "hello 1;!owt"]);
    assertEquals(server.peers.map((peer) => peer.text).sort(), ["one!", "two!"]);
  });

  it("closes open connections when it is disposed of", async () => {
    const server = await startByteServer();
    const socket = connect(server.port, "127.0.0.1");
    const closed = once(socket, "close");
    await eventually(() => server.peers.length === 1);
    await server[Symbol.asyncDispose]();
    await closed;
  });
});

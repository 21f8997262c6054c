import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Worker } from "../../src/queue/worker.ts";
import { onRedis } from "../queue/brokers.ts";
import { Lines, Stage } from "../queue/stage.ts";
import { startByteServer } from "../support/byte_server.ts";
import { settled } from "../support/promises.ts";
import { startRedis } from "../support/redis_server.ts";

const stage = new Stage(onRedis);

describe("a worker without a Redis that serves it", () => {
  /** Every first operation rejects with this text, without the password, and closing ends everything. */
  async function refuses(redisUrl: string, text: string): Promise<void> {
    const worker = new Worker({
      redisUrl,
      redisOptions: { connectTimeout: 500 },
      handleSignals: false,
      logger: new Lines(),
    });
    const task = worker.task(() => 1, { name: "one" });
    for (const operation of [() => worker.run(), () => worker.connect(), async () => await task.enqueue()]) {
      const error = await assertRejects(operation) as Error;
      assertStringIncludes(error.message, text);
      assert(!error.message.includes("s3cret"), error.message);
    }
    await worker.close();
  }

  it("says where it looked when nobody is there", async () => {
    await refuses("redis://user:s3cret@127.0.0.1:1/0", "127.0.0.1:1");
  });

  it("rejects at once when its credentials are refused", async () => {
    await using server = await startRedis({ password: "right" });
    const { port } = server;
    const start = Date.now();
    await refuses(`redis://:s3cret@127.0.0.1:${port}`, "WRONGPASS");
    await refuses(`redis://127.0.0.1:${port}`, "NOAUTH");
    await refuses(`redis://:right@127.0.0.1:${port}/99`, "out of range");
    assert(Date.now() - start < 1500);
  });

  it("says what is wrong with a server that speaks no RESP, or nothing", async () => {
    const http = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno";
    await using web = await startByteServer({ onData: (peer) => peer.write(http) });
    await refuses(`redis://127.0.0.1:${web.port}`, `127.0.0.1:${web.port}`);
    await using mute = await startByteServer();
    await refuses(`redis://127.0.0.1:${mute.port}`, `127.0.0.1:${mute.port}`);
  });
});

describe("a wait for a result", () => {
  it("is given up, as a first operation, when there is no Redis or it refuses the credentials", async () => {
    const redisOptions = { connectTimeout: 300 };
    const { url } = (await stage.broker).server;
    for (const redisUrl of ["redis://127.0.0.1:1", url.replace("//", "//nobody:wrong@")]) {
      await using worker = new Worker({ redisUrl, redisOptions, handleSignals: false, logger: new Lines() });
      assertEquals(await settled(worker.resultById("task"), 2000), "rejected", redisUrl);
    }
  });
});

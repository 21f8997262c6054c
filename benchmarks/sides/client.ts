/** A measured process of a Redis client: `client.mjs <client>`. */
import process from "node:process";
import type { Client, Connect } from "../clients/client.ts";
import { rows } from "../clients/rows.ts";
import { BUN_CLIENT } from "../run/subject.ts";
import { cpuTime, serve, timed } from "./serve.ts";

/** How many commands are sent before they are awaited together. */
const BATCH = 1000;

const name = process.argv[2] === BUN_CLIENT ? "bun" : process.argv[2]!;
// Only the one that is measured is loaded.
const { connect } = await import(new URL(`../clients/${name}.mjs`, import.meta.url).href) as { connect: Connect };

let client: Client;

serve({
  async openClient(redisUrl) {
    client = await connect(redisUrl);
    return null;
  },
  send(row, count) {
    const { send, awaited } = rows.find(({ name }) => name === row)!;
    const batch = awaited ? 1 : BATCH;
    return timed(async () => {
      for (let sent = 0; sent < count; sent += batch) {
        if (awaited) await send(client, sent);
        else await Promise.all(Array.from({ length: Math.min(batch, count - sent) }, (_, n) => send(client, n)));
      }
    });
  },
  usage: () => ({ cpuMs: cpuTime(), calls: 0, firstCall: 0 }),
});

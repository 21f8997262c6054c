/**
 * The cost of decoding. One string of 32 to 256 MiB, in chunks of 64 KiB, must take time and memory in proportion to its
 * size; for small replies, the number decoded per second is printed.
 *
 * Run it with `node --import tsx`, `bun` or `deno run -A`.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Decoder } from "../../src/resp/decoder.ts";
import type { Reply } from "../../src/resp/reply.ts";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const SIZES = [32, 64, 128, 256];

/** The content of each chunk of the string. The character beyond Latin-1 makes V8 store two bytes for each character. */
const CONTENTS: Record<string, string> = {
  bytes: "0123456789abcdef",
  text: "0123456789abcdef",
  "text with a €": `${"0123456789abcdef".repeat(255)}0123456789abc€`,
};

const id = "0123456789abcdef0123456789abcdef";
const SMALL: Record<string, string> = {
  "+OK": "+OK\r\n",
  "integer": ":1234\r\n",
  "string of 5": "$5\r\nhello\r\n",
  "string of 32": `$32\r\n${id}\r\n`,
  "string of 300": `$300\r\n${"x".repeat(300)}\r\n`,
  "null": "_\r\n",
  "stream entry":
    `*2\r\n$15\r\n1700000000000-0\r\n*4\r\n$7\r\ntask_id\r\n$32\r\n${id}\r\n$12\r\nenqueue_time\r\n$13\r\n1700000000000\r\n`,
  "100 strings": `*100\r\n${"$8\r\nabcdefgh\r\n".repeat(100)}`,
  "map of 10": `%10\r\n${"+field\r\n:1\r\n".repeat(10)}`,
};

/** The cost of decoding one large string, in milliseconds and bytes. */
interface Large {
  readonly ms: number;
  readonly rss: number;
}

const [contents, size] = process.argv.slice(2);
if (contents === undefined) compareAll();
else console.log(JSON.stringify(decodeLarge(contents, Number(size) * MIB)));

function compareAll(): void {
  console.log(`One string in chunks of ${CHUNK / 1024} KiB: time, and growth of the peak memory relative to its size`);
  console.log(["".padEnd(14), ...SIZES.map((size) => `${size} MiB`.padStart(18))].join(""));
  for (const contents of Object.keys(CONTENTS)) {
    const cells = SIZES.map((size) => {
      const { ms, rss } = decodeLargeElsewhere(contents, size);
      return `${ms.toFixed(0)} ms, ${(rss / (size * MIB)).toFixed(2)} x`.padStart(18);
    });
    console.log([contents.padEnd(14), ...cells].join(""));
  }
  console.log("\nSmall replies, in thousands a second: text, bytes");
  for (const [name, reply] of Object.entries(SMALL)) {
    const cells = [false, true].map((binary) => (decodeSmall(reply, binary) / 1000).toFixed(0).padStart(9));
    console.log([name.padEnd(14), ...cells].join(""));
  }
}

/** Measures in a process of its own, since the peak of a process never falls. */
function decodeLargeElsewhere(contents: string, size: number): Large {
  const before = "Deno" in globalThis ? ["run", "-A", "--no-check"] : process.execArgv;
  const args = [...before, fileURLToPath(import.meta.url), contents, String(size)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot measure a string of ${size} MiB: ${stderr}`);
  return JSON.parse(stdout);
}

function decodeLarge(contents: string, size: number): Large {
  const pattern = new TextEncoder().encode(CONTENTS[contents]);
  const chunk = new Uint8Array(CHUNK);
  for (let at = 0; at < CHUNK; at += pattern.length) chunk.set(pattern, at);
  let value: Reply = null;
  const decoder = new Decoder({
    binary: () => contents === "bytes",
    reply: (reply) => void (value = reply),
    push() {},
  });
  const encoder = new TextEncoder();
  decoder.push(encoder.encode("$5\r\nfirst\r\n"));
  const peak = maxRss();
  const start = performance.now();
  decoder.push(encoder.encode(`$${size}\r\n`));
  for (let sent = 0; sent < size; sent += CHUNK) decoder.push(chunk);
  decoder.push(encoder.encode("\r\n"));
  const ms = performance.now() - start;
  const rss = maxRss() - peak;
  const length = (value as unknown as string | Uint8Array).length;
  const expected = (size / pattern.length) * (contents === "bytes" ? pattern.length : CONTENTS[contents]!.length);
  if (length !== expected) throw new Error(`Decoded the wrong length: ${length}`);
  return { ms, rss };
}

function maxRss(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Counts replies per second, as the best of many short runs, over chunks of about 64 KiB. */
function decodeSmall(reply: string, binary: boolean): number {
  const perChunk = Math.ceil(CHUNK / reply.length);
  const chunk = new TextEncoder().encode(reply.repeat(perChunk));
  let count = 0;
  const decoder = new Decoder({ binary: () => binary, reply: () => void count++, push() {} });
  let best = 0;
  for (let run = 0; run < 200; run++) {
    const before = count;
    const start = performance.now();
    decoder.push(chunk);
    best = Math.max(best, (count - before) / ((performance.now() - start) / 1000));
  }
  return best;
}

import type { Client } from "./client.ts";

/** Commands of one kind. */
export interface Row {
  readonly name: string;
  /** Sends the n-th command. */
  readonly send: (client: Client, n: number) => Promise<unknown>;
  /** Awaits each command before the next. */
  readonly awaited?: boolean;
  /** The part of the usual number of commands that is enough. @default {1} */
  readonly share?: number;
}

/** How many keys there are of each kind. */
const KEYS = 1000;
/** How many keys one `MGET` reads. */
const MANY = 100;

const keys = (kind: string): string[] => Array.from({ length: KEYS }, (_, n) => `${kind}:${n}`);
const [tiny, small, large, hashes] = ["16", "1k", "64k", "hash"].map(keys) as [string[], string[], string[], string[]];
const values = { tiny: "x".repeat(16), small: "x".repeat(1024), large: "x".repeat(64 * 1024) };

export const rows: readonly Row[] = [
  { name: "SET of 16 bytes", send: (client, n) => client.set(tiny[n % KEYS]!, values.tiny) },
  { name: "GET of 16 bytes", send: (client, n) => client.get(tiny[n % KEYS]!) },
  { name: "SET of 1 KiB", send: (client, n) => client.set(small[n % KEYS]!, values.small) },
  { name: "GET of 1 KiB", send: (client, n) => client.get(small[n % KEYS]!) },
  { name: "GET of 64 KiB", send: (client, n) => client.get(large[n % 10]!), share: 0.05 },
  { name: "MGET of 100 keys", send: (client) => client.mget(tiny.slice(0, MANY)), share: 0.05 },
  { name: "HGETALL of 10 fields", send: (client, n) => client.hgetall(hashes[n % KEYS]!), share: 0.5 },
  { name: "GET, each awaited", send: (client, n) => client.get(tiny[n % KEYS]!), awaited: true, share: 0.1 },
];

/** Returns the commands that fill the keys that the rows read. */
export function fillCommands(): [string, ...string[]][] {
  const fields = Array.from({ length: 10 }, (_, n) => [`field-${n}`, `value-${n}`]).flat();
  return [
    ["MSET", ...tiny.flatMap((key) => [key, values.tiny])],
    ["MSET", ...small.flatMap((key) => [key, values.small])],
    ["MSET", ...large.slice(0, 10).flatMap((key) => [key, values.large])],
    ...hashes.map((key): [string, ...string[]] => ["HSET", key, ...fields]),
  ];
}

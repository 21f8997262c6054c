import type { RedisClient } from "../../src/redis/mod.ts";

/** What a server has done. */
export interface Work {
  /** On the processor, in microseconds. */
  readonly cpu: number;
  /** Commands, those that scripts call included. */
  readonly commands: number;
  /** Calls by name of the command. */
  readonly calls: ReadonlyMap<string, number>;
}

/** What a server has done since it was started. */
export async function workOf(redis: RedisClient): Promise<Work> {
  const info = await redis.command<string>(["INFO", "everything"]);
  const fields = new Map(info.split("\r\n").map((line) => line.split(":", 2) as [string, string]));
  const number = (name: string): number => Number(fields.get(name));
  const calls = new Map<string, number>();
  for (const [name, value] of fields) {
    const command = /^cmdstat_(.+)$/.exec(name)?.[1];
    if (command) calls.set(command, Number(/^calls=(\d+)/.exec(value)?.[1]));
  }
  return {
    cpu: (number("used_cpu_user") + number("used_cpu_sys")) * 1e6,
    commands: number("total_commands_processed"),
    calls,
  };
}

/** What a server has done between two looks, for each of `tasks`. */
export function workPerTask(before: Work, after: Work, tasks: number): Work {
  const calls = new Map<string, number>();
  for (const [name, count] of after.calls) {
    const more = count - (before.calls.get(name) ?? 0);
    if (more > 0) calls.set(name, more / tasks);
  }
  return { cpu: (after.cpu - before.cpu) / tasks, commands: (after.commands - before.commands) / tasks, calls };
}

/** Deletes what the benchmark has left behind; the server may be somebody's. */
export async function removeKeys(redis: RedisClient, queueName: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.command<[string, string[]]>(
      ["SCAN", cursor, "MATCH", `*:${queueName}:*`, "COUNT", 1000],
    );
    if (keys.length > 0) await redis.command(["UNLINK", ...keys]);
    cursor = next;
  } while (cursor !== "0");
}

import type { RedisClient } from "../../src/redis/mod.ts";

/** Work of a server. */
export interface Work {
  /** CPU time in microseconds. */
  readonly cpu: number;
  /** Number of commands, including those that scripts call. */
  readonly commands: number;
  /** Number of calls by name of the command. */
  readonly calls: ReadonlyMap<string, number>;
}

/** Returns the work of a server since it was started. */
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

/** Returns the work of a server between two measurements, for each task. */
export function workPerTask(before: Work, after: Work, tasks: number): Work {
  const calls = new Map<string, number>();
  for (const [name, count] of after.calls) {
    const more = count - (before.calls.get(name) ?? 0);
    if (more > 0) calls.set(name, more / tasks);
  }
  return { cpu: (after.cpu - before.cpu) / tasks, commands: (after.commands - before.commands) / tasks, calls };
}

/** Deletes the keys of the benchmark, as the server may be in use. */
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

import type { RedisClient } from "../../src/redis/mod.ts";

/** The work of a server since it was started, and the memory that it uses. */
export interface RedisStats {
  /** User and system time, in milliseconds. */
  readonly cpuMs: number;
  /** Commands, including those that scripts call. */
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** In bytes, without the buffers of clients. */
  readonly memory: number;
}

/** Resolves to the statistics of the server. */
export async function readRedisStats(redis: RedisClient): Promise<RedisStats> {
  const info = await redis.command<string>(["INFO"]);
  const fields = new Map(info.split("\r\n").map((line) => line.split(":", 2) as [string, string]));
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  return {
    cpuMs: (number("used_cpu_user") + number("used_cpu_sys")) * 1000,
    commands: number("total_commands_processed"),
    bytesIn: number("total_net_input_bytes"),
    bytesOut: number("total_net_output_bytes"),
    memory: number("used_memory") - number("mem_clients_normal"),
  };
}

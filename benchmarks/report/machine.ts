import { cpus, release, totalmem, type } from "node:os";
import { readFileSync } from "node:fs";
import type { RedisClient } from "../../src/redis/mod.ts";
import { pythonVersions } from "../run/python.ts";
import { versionOf } from "../run/runtimes.ts";
import { RUNTIMES, type Subject } from "../run/subject.ts";

const runtimeNames = { node: "Node", bun: "Bun", deno: "Deno", python: "Python" } as const;

/** Returns what the figures were measured on, in lines of Markdown. */
export async function describeMachine(redis: RedisClient, subjects: readonly Subject[]): Promise<string[]> {
  const info = await redis.command<string>(["INFO", "server"]);
  const redisVersion = /redis_version:(\S+)/.exec(info)?.[1];
  const [{ model = "unknown processor" } = {}, ...others] = cpus();
  const runtimes = RUNTIMES.flatMap((runtime) => {
    const subject = subjects.find((subject) => subject.runtime === runtime);
    return subject ? [`${runtimeNames[runtime]} ${versionOf(runtime, subject.name)}`] : [];
  });
  return [
    `- Machine: ${others.length + 1} × ${model.trim()}, ${
      Math.round(totalmem() / 1024 ** 3)
    } GiB, ${type()} ${release()}`,
    `- Redis ${redisVersion} on the same machine, over the loopback interface, without persistence`,
    `- ${runtimes.join(", ")}`,
  ];
}

/** Returns the versions of what provides a subject: `bullmq 6.7.0`. */
export function versionsOf({ name, runtime }: Subject): string[] {
  if (runtime === "python") return pythonVersions(name);
  if (name === "streaq") return [`@q/streaq ${manifest("../../package.json").version}`];
  const { dependencies = {} } = manifest("../package.json");
  const version = dependencies[name === "node-redis" ? "redis" : name];
  return version === undefined ? [] : [`${name} ${version}`];
}

function manifest(path: string): { version?: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
}

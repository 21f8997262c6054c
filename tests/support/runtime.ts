import process from "node:process";

/** The runtime of this process. */
export const RUNTIME: "deno" | "bun" | "node" = process.versions.deno ? "deno" : process.versions.bun ? "bun" : "node";

/** Returns the command that runs a TypeScript file on the runtime of this process. */
export function runtimeCommand(file: string, ...args: readonly string[]): [command: string, ...args: string[]] {
  const flags = { deno: ["run", "-A", "--no-check"], bun: [], node: ["--import", "tsx"] }[RUNTIME];
  return [process.execPath, ...flags, file, ...args];
}

/**
 * Returns the command that runs a TypeScript file with a heap of limited size, in megabytes. Bun cannot limit its heap,
 * so Node is used instead of it.
 */
export function limitedCommand(heap: number, file: string, ...args: readonly string[]): [string, ...string[]] {
  const flag = `--max-old-space-size=${heap}`;
  if (RUNTIME === "deno") return [process.execPath, "run", "-A", "--no-check", `--v8-flags=${flag}`, file, ...args];
  return [RUNTIME === "node" ? process.execPath : "node", flag, "--import", "tsx", file, ...args];
}

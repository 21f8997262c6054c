import process from "node:process";

/** The runtime of this process. */
export const RUNTIME: "deno" | "bun" | "node" = process.versions.deno ? "deno" : process.versions.bun ? "bun" : "node";

/** Returns the command that runs a TypeScript file on the runtime of this process. */
export function runtimeCommand(file: string, ...args: readonly string[]): [command: string, ...args: string[]] {
  const flags = { deno: ["run", "-A", "--no-check"], bun: [], node: ["--import", "tsx"] }[RUNTIME];
  return [process.execPath, ...flags, file, ...args];
}

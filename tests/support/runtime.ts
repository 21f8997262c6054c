import process from "node:process";

/** The runtime that runs this. */
export const RUNTIME: "deno" | "bun" | "node" = process.versions.deno ? "deno" : process.versions.bun ? "bun" : "node";

/** The command line that runs a TypeScript file on the runtime that runs this. */
export function runtimeCommand(file: string, ...args: readonly string[]): [command: string, ...args: string[]] {
  const flags = { deno: ["run", "-A", "--no-check"], bun: [], node: ["--import", "tsx"] }[RUNTIME];
  return [process.execPath, ...flags, file, ...args];
}

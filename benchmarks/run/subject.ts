/** Where a subject runs. */
export type Runtime = "node" | "bun" | "deno" | "python";

export const RUNTIMES: readonly Runtime[] = ["node", "bun", "deno", "python"];

/** One row of a table: something that is measured, on one runtime. */
export interface Subject {
  /** Its name on the command line; the same on each runtime. */
  readonly name: string;
  readonly runtime: Runtime;
}

/** The client that is part of Bun, and is nowhere else. */
export const BUN_CLIENT = "Bun's own";

/** Its name in the tables. */
export function labelOf({ name, runtime }: Subject): string {
  if (name === BUN_CLIENT) return name;
  return runtime === "node" || runtime === "python" ? name : `${name} (${runtime === "bun" ? "Bun" : "Deno"})`;
}

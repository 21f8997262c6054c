import type { ResolvedTaskOptions } from "./task_options.ts";

/** A registered task as the worker sees it: any function, with its options. */
export interface Definition {
  readonly fnName: string;
  readonly fn: (...args: unknown[]) => unknown;
  readonly options: ResolvedTaskOptions;
}

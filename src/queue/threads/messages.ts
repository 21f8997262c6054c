import type { TaskContext } from "../context/scope.ts";
import type { FailureRecord } from "../records/failure.ts";
import type { ThrownRecord } from "./thrown.ts";

/** What a thread is to run. */
export interface ThreadCall {
  /** The URL of the module that registers the function. */
  readonly module: string;
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly context: Omit<TaskContext, "signal">;
  /** The queue that the task is in. */
  readonly queueName: string;
}

// The prefix tells them from what functions may post themselves.

/** From the main thread to a thread. */
export type Order =
  /** Imports the module, so that the call finds it there. */
  | { readonly kind: "streaq:load"; readonly module: string }
  | { readonly kind: "streaq:call"; readonly call: ThreadCall }
  | { readonly kind: "streaq:abort"; readonly reason: FailureRecord };

/** From a thread to the main thread. */
export type Report =
  | { readonly kind: "streaq:ready" }
  | { readonly kind: "streaq:done"; readonly value: unknown; readonly isTuple?: boolean }
  /** It fell over an error that nobody caught. */
  | { readonly kind: "streaq:dying"; readonly thrown: ThrownRecord }
  /** A thread whose import failed is of no more use: the module stays broken in it. */
  | { readonly kind: "streaq:failed"; readonly thrown: ThrownRecord; readonly spent: boolean };

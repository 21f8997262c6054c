import type { TaskContext } from "../context/scope.ts";
import type { FailureRecord } from "../records/failure.ts";
import type { ThrownRecord } from "./thrown.ts";

/** A call of a registered function. */
export interface ThreadCall {
  /** The URL of the module that registers the function. */
  readonly module: string;
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly context: Omit<TaskContext, "signal">;
  /** The name of the task's queue. */
  readonly queueName: string;
}

/** The error that the import of a module failed with. */
export interface ImportFailure extends FailureRecord {
  readonly code: string;
}

// The prefix distinguishes these messages from those that functions post themselves.

/** A message from the main thread to a thread. */
export type Order =
  /** Imports a module, so that the next call can begin at once. */
  | { readonly kind: "streaq:load"; readonly module: string }
  | { readonly kind: "streaq:call"; readonly call: ThreadCall }
  | { readonly kind: "streaq:abort"; readonly reason: FailureRecord };

/** A message from a thread to the main thread. */
export type Report =
  | { readonly kind: "streaq:ready" }
  /** The module registered no task for threads, or its import failed. */
  | { readonly kind: "streaq:unready"; readonly failure?: ImportFailure }
  | { readonly kind: "streaq:done"; readonly value: unknown; readonly isTuple?: boolean }
  /** The thread is terminated by an uncaught error. */
  | { readonly kind: "streaq:dying"; readonly thrown: ThrownRecord }
  | ({ readonly kind: "streaq:failed"; readonly thrown: ThrownRecord } & FailureOrigin);

/** What has failed in a thread. */
export interface FailureOrigin {
  /** Whether it is not the function that has thrown: it could not be called, or its result cannot leave the thread. */
  readonly refused?: boolean;
  /** A thread is spent when an import has failed: the module stays broken in it. */
  readonly spent?: boolean;
}

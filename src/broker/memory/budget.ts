import { StreaqError } from "../../base/errors.ts";

/** Number of unfinished tasks that one queue may store. */
export const taskLimit = 2_000_000;
/** Total size of all records, inputs and results that one queue may store, in characters or bytes. */
export const byteLimit: number = 1024 ** 3;
/** Size of an outcome without its result, in bytes: the outcome is kept for a while even when no result is. */
export const outcomeSize = 100;

/** Counts the contents of a queue, and limits them so that one queue cannot use up the memory of the process. */
export class Budget {
  readonly #limits: { readonly tasks: number; readonly bytes: number };
  #tasks = 0;
  #bytes = 0;

  constructor(limits: { tasks: number; bytes: number } = { tasks: taskLimit, bytes: byteLimit }) {
    this.#limits = limits;
  }

  /** Number of unfinished tasks. */
  get tasks(): number {
    return this.#tasks;
  }

  /** Total size of all contents. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the error for tasks that would exceed a limit, with their total size in bytes; `undefined` if they fit. */
  refusal(tasks: number, bytes: number): StreaqError | undefined {
    const { tasks: maxTasks, bytes: maxBytes } = this.#limits;
    if (this.#tasks + tasks > maxTasks) return full(`${maxTasks} tasks`);
    if (this.#bytes + bytes > maxBytes) return full(`${maxBytes} bytes`);
    return undefined;
  }

  /** Counts contents that are added or, with negative numbers, removed. */
  add(tasks: number, bytes: number): void {
    this.#tasks += tasks;
    this.#bytes += bytes;
  }
}

function full(limit: string): StreaqError {
  return new StreaqError(`The queue in memory is full: it holds at most ${limit}`);
}

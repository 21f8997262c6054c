import { StreaqError } from "../../base/errors.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import { isVersion } from "../tasks/resolve_task_options.ts";
import { unreadable } from "./unreadable.ts";

/** A task as it is stored. `docs/wire-format.md` describes the fields. */
export interface TaskRecord {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** When the request was sent, in Unix milliseconds by the producer's clock. */
  readonly createdTime: number;
  /** How long the task may be ready before its first start, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
  /** The version of the function that it was enqueued for. */
  readonly version: number;
  /** The task whose result is the input of this one. */
  readonly previous?: string | undefined;
  /** The task that takes the result of this one as its input. */
  readonly next?: string | undefined;
  /** The tasks that it was enqueued after, the first {@linkcode maxDependencies} of them. */
  readonly dependencies: readonly string[];
}

/** A task to store. */
export type NewTaskRecord =
  & Omit<TaskRecord, "expire" | "version" | "dependencies">
  & {
    readonly [K in "expire" | "version" | "dependencies"]?: TaskRecord[K] | undefined;
  };

/** How many dependencies a record lists at most. */
export const maxDependencies = 100;

/** No runtime calls a function with more arguments. An array with holes claims any length in a few bytes. */
const maxArguments = 65_535;

/** How much of a record is searched for its name, in characters or bytes. */
const headLength = 1024;

const decoder = new TextDecoder();

/**
 * Packs a task into the object that is stored. The name comes first, for {@linkcode peekName}. A `Draft` writes the same
 * fields, in the same order.
 */
export function packTask(taskId: string, task: NewTaskRecord): Record<string, unknown> {
  const { fnName, args, kwargs, createdTime, expire = null, version = 1, previous, next, dependencies = [] } = task;
  const record: Record<string, unknown> = { f: fnName, a: args, k: kwargs, t: createdTime, i: taskId };
  if (expire !== null) record.x = expire;
  if (version !== 1) record.v = version;
  if (previous !== undefined) record.A = previous;
  if (next !== undefined) record.T = next;
  if (dependencies.length > 0) record.d = dependencies.slice(0, maxDependencies);
  return record;
}

/**
 * Unpacks the stored object of a task.
 *
 * @throws {StreaqError} When a field is missing or has the wrong type.
 */
export function unpackTask(taskId: string, record: Readonly<Record<string, unknown>>): TaskRecord {
  const { f, a, k, t, x, v = 1, A, T, d } = record;
  if (typeof f !== "string") throw invalid(taskId, "f is not a name");
  if (!isArguments(a)) throw invalid(taskId, "a is not an array of arguments");
  if (typeof k !== "object" || k === null || Array.isArray(k)) throw invalid(taskId, "k is not an object");
  if (!isFiniteNumber(t)) throw invalid(taskId, "t is not a time");
  if (x !== undefined && !(isFiniteNumber(x) && x >= 0)) throw invalid(taskId, "x is not a duration");
  if (!isVersion(v)) throw invalid(taskId, "v is not a version");
  for (const link of [A, T]) {
    if (link !== undefined && typeof link !== "string") throw invalid(taskId, "A or T is not an id");
  }
  return {
    fnName: f,
    args: a,
    kwargs: k as Record<string, unknown>,
    createdTime: t,
    expire: x ?? null,
    version: v,
    previous: A as string | undefined,
    next: T as string | undefined,
    dependencies: readDependencies(d),
  };
}

/**
 * The arguments of a call without trailing `undefined`: JSON would turn that into `null`, and defaults would not apply.
 *
 * @param subject Names them in an error.
 * @throws {StreaqError} When there are too many.
 */
export function readArguments(args: readonly unknown[], subject: string): readonly unknown[] {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  checkCount(length, subject);
  return length === args.length ? args : args.slice(0, length);
}

/** @throws {StreaqError} When there are more arguments than a function can be called with. */
export function checkCount(count: number, subject: string): void {
  if (count <= maxArguments) return;
  throw new StreaqError(`Cannot store ${subject}: expected at most ${maxArguments} arguments, got ${count}`);
}

/** Whether a value is an array that a function can be called with. */
export function isArguments(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= maxArguments;
}

/** Reads the listed dependencies. They are only shown, so invalid ones are left out. */
export function readDependencies(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.slice(0, maxDependencies).filter((id) => typeof id === "string") : [];
}

/**
 * The name at the head of a task's record as JSON writes it, without decoding the rest; `undefined` when it has none.
 */
export function peekName(data: Payload): string | undefined {
  const head = typeof data === "string" ? data.slice(0, headLength) : decoder.decode(data.subarray(0, headLength));
  const [, name] = /^\{"f":("(?:[^"\\]|\\.)*")/.exec(head) ?? [];
  return name && JSON.parse(name) as string;
}

function invalid(taskId: string, reason: string): Error {
  return unreadable("record of task", taskId, reason);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

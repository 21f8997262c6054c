import { StreaqError } from "../../base/errors.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import { describeFailure, restoreFailure } from "./failure.ts";
import { failure, success, type TaskResult, type TaskResultFields } from "./task_result.ts";
import { jsonSerializer, type Serializer, UnserialisableError } from "./serializer.ts";
import { Signature } from "./signature.ts";
import { argumentsFrom } from "../tasks/tuple.ts";

/** More arguments no function takes on every runtime. An array with holes claims any length in a few bytes. */
const mostArguments = 65_535;

/** How many of its dependencies a task remembers, for those who look. */
export const mostDependencies = 100;

/** How much of a record is looked at for its name, in characters or bytes. */
const headLength = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A task as it is stored; `docs/wire-format.md` describes the fields. */
export interface TaskRecord {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly createdTime: number;
  /** How long it may wait for its first start, in milliseconds; `null` for as long as it takes. */
  readonly expire: number | null;
  /** The task whose result is its input. */
  readonly previous?: string | undefined;
  /** The task that has its result as input. */
  readonly next?: string | undefined;
  /** Tasks that it was enqueued after, the first {@linkcode mostDependencies} of them. */
  readonly dependencies: readonly string[];
}

/** A task to store; without `expire` it may wait for as long as it takes. */
export type NewTaskRecord =
  & Omit<TaskRecord, "expire" | "dependencies">
  & {
    readonly [K in "expire" | "dependencies"]?: TaskRecord[K] | undefined;
  };

export interface RecordCodecOptions {
  readonly serializer: Serializer;
  /** The largest record, in bytes, without its signature. */
  readonly maxPayload: number;
  /** With it, records are signed, and others are refused. The first of several signs. */
  readonly signingSecret?: string | readonly string[] | undefined;
}

/** Outcome of a task: a value, or what was thrown. */
export type TaskOutcome = { readonly success: true; readonly value: unknown } | {
  readonly success: false;
  readonly error: unknown;
};

/** Makes stored records of tasks and results, and reads them back. */
export class RecordCodec {
  readonly #serializer: Serializer;
  readonly #maxPayload: number;
  readonly #signature: Signature | null;
  /** Whether records are bytes, not text. JSON without a signature is kept as text, which spares a conversion. */
  readonly binary: boolean;

  /** @throws {TypeError} When there is no secret in `signingSecret`. */
  constructor({ serializer, maxPayload, signingSecret }: RecordCodecOptions) {
    this.#serializer = serializer;
    this.#maxPayload = maxPayload;
    this.#signature = signingSecret === undefined ? null : new Signature(signingSecret);
    this.binary = serializer !== jsonSerializer || this.#signature !== null;
  }

  /** @throws {StreaqError} When the arguments cannot be serialised, or the record is too large. */
  encodeTask(id: string, task: NewTaskRecord): Payload {
    const { fnName, args, kwargs, createdTime, expire = null, previous, next, dependencies = [] } = task;
    const what = `the arguments of task ${fnName}`;
    const a = trim(args);
    if (a.length > mostArguments) {
      throw new StreaqError(`Could not store ${what}: ${a.length} are more than ${mostArguments}`);
    }
    const record: Record<string, unknown> = { f: fnName, a, k: kwargs, t: createdTime, i: id };
    if (expire !== null) record.x = expire;
    if (previous !== undefined) record.A = previous;
    if (next !== undefined) record.T = next;
    if (dependencies.length > 0) record.d = dependencies.slice(0, mostDependencies);
    return this.#encode(record, what);
  }

  /** The name at the head of a task record as JSON writes it, without decoding the rest; `undefined` when there is none. */
  peekName(data: Payload): string | undefined {
    const head = typeof data === "string" ? data.slice(0, headLength) : decoder.decode(data.subarray(0, headLength));
    const [, name] = /^\{"f":("(?:[^"\\]|\\.)*")/.exec(head) ?? [];
    return name && JSON.parse(name) as string;
  }

  /** @throws {StreaqError} When the data is no record of a task. */
  decodeTask(id: string, data: Payload): TaskRecord {
    const record = this.#decode(data, "task", id);
    const { f, a, k, t, x, A, T, d } = record;
    if (typeof f !== "string") throw unreadable("task", id, "f is no name");
    if (!Array.isArray(a) || a.length > mostArguments) throw unreadable("task", id, "a is no array of arguments");
    if (typeof k !== "object" || k === null || Array.isArray(k)) throw unreadable("task", id, "k is no object");
    if (!isNumber(t)) throw unreadable("task", id, "t is no time");
    if (x !== undefined && !(isNumber(x) && x >= 0)) throw unreadable("task", id, "x is no time");
    for (const link of [A, T]) {
      if (link !== undefined && typeof link !== "string") throw unreadable("task", id, "A or T is no id");
    }
    return {
      fnName: f,
      args: a,
      kwargs: k as Record<string, unknown>,
      createdTime: t,
      expire: x ?? null,
      previous: A as string | undefined,
      next: T as string | undefined,
      dependencies: readIds(d),
    };
  }

  /**
   * What a task's result is as the input of another one.
   *
   * @throws {StreaqError} When it cannot be serialised, or is too large.
   */
  encodeInput({ taskId, fnName }: Pick<TaskResultFields, "taskId" | "fnName">, value: unknown): Payload {
    const args = argumentsFrom(value);
    const what = `what task ${fnName} pipes`;
    if (args.length > mostArguments) {
      throw new StreaqError(`Could not store ${what}: ${args.length} are more arguments than ${mostArguments}`);
    }
    return this.#encode(args, what, inputContext(taskId));
  }

  /**
   * The arguments that were piped out of a task.
   *
   * @throws {StreaqError} When the data is none of that.
   */
  decodeInput(previous: string, data: Payload): readonly unknown[] {
    const args = this.#deserialize(data, "input from task", previous, inputContext(previous));
    if (Array.isArray(args) && args.length <= mostArguments) return args;
    throw unreadable("input from task", previous, "it is no array of arguments");
  }

  /** @throws {StreaqError} When a value cannot be serialised, or the record is too large; a failure never is. */
  encodeResult(fields: TaskResultFields, end: TaskOutcome, dependencies: readonly string[] = []): Payload {
    const record: Record<string, unknown> = {
      f: fields.fnName,
      ct: fields.createdTime,
      et: fields.enqueueTime,
      s: end.success,
      r: end.success ? this.#value(end.value) : describeFailure(end.error),
      st: fields.startTime,
      ft: fields.finishTime,
      t: fields.tries,
      w: fields.workerId,
      i: fields.taskId,
    };
    if (dependencies.length > 0) record.d = dependencies;
    return end.success ? this.#encode(record, `the result of task ${fields.fnName}`) : this.#encodeFailure(record);
  }

  /** @throws {StreaqError} When the data is no record of a result. */
  decodeResult(id: string, data: Payload): TaskResult<unknown> {
    const { f, ct, et, s, r, st, ft, t, w } = this.#decode(data, "result", id);
    if (typeof f !== "string" || typeof w !== "string" || typeof s !== "boolean") {
      throw unreadable("result", id, "f, w or s is missing");
    }
    for (const time of [ct, et, st, ft, t]) {
      if (!isNumber(time)) throw unreadable("result", id, "a number is missing");
    }
    const fields = {
      taskId: id,
      fnName: f,
      createdTime: ct as number,
      enqueueTime: et as number,
      startTime: st as number,
      finishTime: ft as number,
      tries: t as number,
      workerId: w,
    };
    return s ? success(fields, r) : failure(fields, restoreFailure(r));
  }

  /** The tasks that one was enqueued after whose result this is, as far as it remembers. */
  decodeDependencies(id: string, data: Payload): readonly string[] {
    return readIds(this.#decode(data, "result", id).d);
  }

  /** JSON has no `undefined`, so there a function that returns nothing has the result `null`. */
  #value(value: unknown): unknown {
    return value === undefined && this.#serializer === jsonSerializer ? null : value;
  }

  #encode(record: unknown, what: string, context?: string): Payload {
    let data: Payload;
    try {
      data = this.#payload(this.#serializer.serialize(record));
    } catch (cause) {
      throw new StreaqError(`Could not serialise ${what}: ${explain(cause)}`, { cause });
    }
    if (!isOver(data, this.#maxPayload)) return this.#seal(data, context);
    throw new StreaqError(
      `Could not store ${what}: ${byteLength(data)} bytes are more than maxPayload, ${this.#maxPayload}`,
    );
  }

  /** What describes a failure is bounded already, and there is nothing else to store in its place. */
  #encodeFailure(record: unknown): Payload {
    try {
      return this.#seal(this.#payload(this.#serializer.serialize(record)));
    } catch {
      // That the task has ended counts more than that the serializer can read how.
      return this.#seal(this.#payload(JSON.stringify(record)));
    }
  }

  #seal(data: Payload, context?: string): Payload {
    return this.#signature && typeof data !== "string" ? this.#signature.seal(data, context) : data;
  }

  /** Checks the signature before anything is parsed. `null` when it is not good. */
  #open(data: Payload, context?: string): Payload | null {
    if (!this.#signature) return data;
    return typeof data === "string" ? null : this.#signature.open(data, context);
  }

  /** @throws {TypeError} When a serializer has made something else of a record than it should. */
  #payload(data: string | Uint8Array): Payload {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`The serializer made neither text nor bytes: ${typeof data}`);
    }
    return typeof data === "string" && this.binary ? encoder.encode(data) : data;
  }

  #deserialize(sealed: Payload, kind: string, id: string, context?: string): unknown {
    const data = this.#open(sealed, context);
    if (data === null) throw unreadable(kind, id, "its signature is missing or wrong");
    try {
      return typeof data === "string" ? JSON.parse(data) : this.#serializer.deserialize(data);
    } catch {
      // The parser's own message may quote the payload, which is nobody's business but the task's.
      throw unreadable(kind, id, "the serializer does not take it");
    }
  }

  #decode(sealed: Payload, kind: string, id: string): Record<string, unknown> {
    const record = this.#deserialize(sealed, kind, id);
    if (typeof record !== "object" || record === null) throw unreadable(kind, id, "no object");
    if ((record as Record<string, unknown>).i !== id) throw unreadable(kind, id, "it was stored under another id");
    return record as Record<string, unknown>;
  }
}

function unreadable(kind: string, id: string, why: string): StreaqError {
  return new StreaqError(`Could not read the record of ${kind}, ${why}: ${id}`);
}

/** An input is an array and has no place for an id, so the signature holds it: it is no good anywhere else. */
function inputContext(previous: string): string {
  return `input ${previous}`;
}

/** What is only shown is left out where it is not as it should be. */
function readIds(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.slice(0, mostDependencies).filter((id) => typeof id === "string") : [];
}

/** Trailing `undefined` arguments are the same as none; JSON would make `null` of them, and defaults would not apply. */
function trim(args: readonly unknown[]): readonly unknown[] {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  return length === args.length ? args : args.slice(0, length);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** UTF-8 takes at most three bytes a unit, so most texts need not be measured. */
function isOver(data: Payload, limit: number): boolean {
  return data.length * (typeof data === "string" ? 3 : 1) > limit && byteLength(data) > limit;
}

function byteLength(data: Payload): number {
  return typeof data === "string" ? encoder.encode(data).length : data.length;
}

/** What the fields of a record are called outside. */
const fieldNames: Readonly<Record<string, string>> = { ".a": "args", ".k": "kwargs", ".r": "result" };

function explain(thrown: unknown): string {
  if (thrown instanceof UnserialisableError) {
    const [field = "", ...path] = thrown.path;
    return `${thrown.format} cannot hold ${thrown.what} at ${fieldNames[field] ?? field}${path.join("")}`;
  }
  return thrown instanceof Error ? thrown.message : "its serializer threw no error";
}

import { StreaqError } from "../../base/errors.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import type { Validator } from "../tasks/validator.ts";
import type { SealedCodec } from "./sealed_codec.ts";
import { maxDependencies, type NewTaskRecord, packTask, readArguments } from "./task_record.ts";

/** The arguments of a call of a task's function. */
export interface CallArguments {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** The fields of a record that are the same for every call of a task. */
export interface CommonFields {
  readonly fnName: string;
  /** How long the task may be ready before its first start, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
  /** The version of the function; 1 if the caller does not know it. */
  readonly version?: number | undefined;
  /** Checks the arguments before they are sent; not part of the record. */
  readonly validator?: Validator | undefined;
}

/** The fields of a record that are known only when it is sent. */
export type LateFields = Omit<NewTaskRecord, keyof CallArguments | keyof CommonFields>;

/** Length of the names, quotes and numbers that a record has at most beside its texts, in characters. */
const frameLength = 128;

/** Makes the records of a task, one for each call of its function. */
export class DraftTemplate {
  readonly fnName: string;
  readonly expire: number | null;
  readonly version: number;
  readonly validator: Validator | undefined;
  /** Names the arguments in an error. */
  readonly subject: string;
  readonly codec: SealedCodec;
  /** The kind of the record, which its signature covers. */
  readonly label: string;
  /** The beginning of each record in JSON. */
  readonly head: string;

  constructor({ fnName, expire, version = 1, validator }: CommonFields, codec: SealedCodec, label: string) {
    this.fnName = fnName;
    this.expire = expire;
    this.version = version;
    this.validator = validator;
    this.subject = `the arguments of task ${fnName}`;
    this.codec = codec;
    this.label = label;
    this.head = `{"f":${JSON.stringify(fnName)},`;
  }

  /**
   * Serialises the arguments of a call, so that later changes of them have no effect. Never throws:
   * {@linkcode Draft.encode} throws the error, whose stack shows the caller of this method.
   */
  draft({ args, kwargs }: CallArguments): Draft {
    const { codec, subject } = this;
    try {
      return new Draft(this, codec.serialize({ a: readArguments(args, subject), k: kwargs }, subject));
    } catch (error) {
      return new Draft(this, error as StreaqError);
    }
  }
}

/** The record of a call without its id and its times. It has no more fields than it needs: a producer may hold many. */
export class Draft {
  readonly #template: DraftTemplate;
  /** The serialised arguments, or the error if that was not possible. */
  readonly #data: string | Uint8Array | StreaqError;

  constructor(template: DraftTemplate, data: string | Uint8Array | StreaqError) {
    this.#template = template;
    this.#data = data;
  }

  get fnName(): string {
    return this.#template.fnName;
  }

  get expire(): number | null {
    return this.#template.expire;
  }

  get version(): number {
    return this.#template.version;
  }

  /**
   * Checks the arguments as they will be read, if the task has schemas.
   *
   * @returns A promise if a schema is asynchronous, and `undefined` otherwise.
   * @throws {StreaqError} When they are invalid, or could not be serialised.
   */
  check(): Promise<unknown> | undefined {
    const { validator, codec, subject } = this.#template;
    if (!validator) return undefined;
    const data = this.#data;
    if (data instanceof StreaqError) throw data;
    // A copy: the arguments may have changed since they were serialised.
    const { a: args } = codec.copy(data, subject) as { a: unknown[] };
    const checked = validator.checkArguments(args);
    return checked instanceof Promise ? checked : undefined;
  }

  /** Whether {@linkcode encode} certainly succeeds without dependencies. Unlike `encode`, this costs nothing. */
  isSafe(taskId: string): boolean {
    const { codec, head } = this.#template;
    const data = this.#data;
    // In JSON, an escaped character takes up to six.
    return typeof data === "string" && codec.isJson &&
      codec.surelyFits(head.length + data.length + 6 * taskId.length + frameLength);
  }

  /**
   * Completes the record.
   *
   * @throws {StreaqError} When the arguments could not be serialised, or the record is too large.
   */
  encode(taskId: string, fields: LateFields): Payload {
    const { codec, subject, label } = this.#template;
    const data = this.#data;
    if (data instanceof StreaqError) throw data;
    if (!codec.isJson) return this.#encodeCopy(data, taskId, fields);
    return codec.seal(this.#complete(data as string, taskId, fields), subject, label);
  }

  /** Writes the record around the text of the arguments, so that these are serialised only once. */
  #complete(data: string, taskId: string, { createdTime, previous, next, dependencies = [] }: LateFields): string {
    const { head, expire, version } = this.#template;
    let text = `${head}${data.slice(1, -1)},"t":${createdTime},"i":${JSON.stringify(taskId)}`;
    if (expire !== null) text += `,"x":${expire}`;
    if (version !== 1) text += `,"v":${version}`;
    if (previous !== undefined) text += `,"A":${JSON.stringify(previous)}`;
    if (next !== undefined) text += `,"T":${JSON.stringify(next)}`;
    if (dependencies.length > 0) text += `,"d":${JSON.stringify(dependencies.slice(0, maxDependencies))}`;
    return `${text}}`;
  }

  /** With an unknown format, the record is made of a copy of the arguments. */
  #encodeCopy(data: string | Uint8Array, taskId: string, fields: LateFields): Payload {
    const { fnName, expire, version, codec, subject, label } = this.#template;
    const { a: args, k: kwargs } = codec.copy(data, subject) as { a: unknown[]; k: CallArguments["kwargs"] };
    return codec.encode(packTask(taskId, { fnName, args, kwargs, expire, version, ...fields }), subject, label);
  }
}

import { StreaqError } from "../../base/errors.ts";
import type { Payload } from "../../broker/contract/payload.ts";
import type { SealedCodec } from "./sealed_codec.ts";
import { maxDependencies, type NewTaskRecord, packTask, readArguments } from "./task_record.ts";

/** A call of a task's function. */
export interface Call {
  readonly fnName: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** How long the task may be ready before its first start, in milliseconds; `null` for no limit. */
  readonly expire: number | null;
}

/** The fields of a record that are known only when it is sent. */
export type LateFields = Omit<NewTaskRecord, keyof Call>;

/**
 * The record of a task without its id and its times. The constructor serialises the arguments, so that later changes of
 * them have no effect.
 */
export class Draft {
  readonly fnName: string;
  readonly expire: number | null;
  readonly #codec: SealedCodec;
  readonly #label: string;
  /** The serialised arguments, or the error if that was not possible. */
  readonly #data: string | Uint8Array | StreaqError;

  /**
   * Never throws: {@linkcode encode} throws the error, whose stack shows the caller of this constructor.
   *
   * @param label What the record is, for its signature.
   */
  constructor({ fnName, args, kwargs, expire }: Call, codec: SealedCodec, label: string) {
    this.fnName = fnName;
    this.expire = expire;
    this.#codec = codec;
    this.#label = label;
    try {
      this.#data = codec.serialize({ a: readArguments(args, this.#subject), k: kwargs }, this.#subject);
    } catch (error) {
      this.#data = error as StreaqError;
    }
  }

  /**
   * Completes the record.
   *
   * @throws {StreaqError} When the arguments could not be serialised, or the record is too large.
   */
  encode(taskId: string, fields: LateFields): Payload {
    const data = this.#data;
    if (data instanceof StreaqError) throw data;
    if (!this.#codec.isJson) return this.#encodeCopy(data, taskId, fields);
    return this.#codec.seal(this.#complete(data as string, taskId, fields), this.#subject, this.#label);
  }

  /** Writes the record around the text of the arguments, so that these are serialised only once. */
  #complete(data: string, taskId: string, { createdTime, previous, next, dependencies = [] }: LateFields): string {
    let text = `{"f":${JSON.stringify(this.fnName)},${data.slice(1, -1)},"t":${createdTime},"i":${
      JSON.stringify(taskId)
    }`;
    if (this.expire !== null) text += `,"x":${this.expire}`;
    if (previous !== undefined) text += `,"A":${JSON.stringify(previous)}`;
    if (next !== undefined) text += `,"T":${JSON.stringify(next)}`;
    if (dependencies.length > 0) text += `,"d":${JSON.stringify(dependencies.slice(0, maxDependencies))}`;
    return `${text}}`;
  }

  /** With an unknown format, the record is made of a copy of the arguments. */
  #encodeCopy(data: string | Uint8Array, taskId: string, fields: LateFields): Payload {
    const { fnName, expire } = this;
    const { a: args, k: kwargs } = this.#codec.copy(data, this.#subject) as { a: Call["args"]; k: Call["kwargs"] };
    return this.#codec.encode(
      packTask(taskId, { fnName, args, kwargs, expire, ...fields }),
      this.#subject,
      this.#label,
    );
  }

  get #subject(): string {
    return `the arguments of task ${this.fnName}`;
  }
}

import type { Payload } from "../../broker/contract/payload.ts";
import type { NewSchedule } from "../../broker/contract/schedule.ts";
import { argumentsFrom } from "../tasks/tuple.ts";
import { type CommonFields, DraftTemplate } from "./draft.ts";
import { describeFailure } from "./failure.ts";
import { packResult, unpackResult, writeSuccess } from "./result_record.ts";
import { SealedCodec, type SealedCodecOptions } from "./sealed_codec.ts";
import {
  checkCount,
  isArguments,
  type NewTaskRecord,
  packTask,
  peekName,
  readArguments,
  readDependencies,
  type TaskRecord,
  unpackTask,
} from "./task_record.ts";
import type { Signer } from "./signature.ts";
import type { TaskResult, TaskResultFields } from "./task_result.ts";
import { type RecordKind, unreadable } from "./unreadable.ts";

/** Options of a {@linkcode RecordCodec}. */
export type RecordCodecOptions = SealedCodecOptions;

/** Outcome of a task: the returned value, or the thrown one. */
export type TaskOutcome = { readonly success: true; readonly value: unknown } | {
  readonly success: false;
  readonly error: unknown;
};

/** The part of a schedule that its signature covers. */
export type SignedSchedule = Pick<NewSchedule, "name" | "expression" | "timeZone">;

/** The kinds of signed records. */
const [taskLabel, resultLabel] = ["task", "result"];

/** Encodes and decodes the stored data of a task: its record, its result, and the input that it pipes on. */
export class RecordCodec {
  readonly #codec: SealedCodec;

  /** @throws {TypeError} When `signingSecret` is not one. */
  constructor(options: RecordCodecOptions) {
    this.#codec = new SealedCodec(options);
  }

  /** Whether records are bytes, not text. */
  get binary(): boolean {
    return this.#codec.binary;
  }

  /** How much longer the record of a task is than what `maxPayload` limits, in bytes. */
  get overhead(): number {
    return this.#codec.overhead(taskLabel);
  }

  /** @throws {StreaqError} When the arguments cannot be serialised, or are too many or too large. */
  encodeTask(taskId: string, task: NewTaskRecord): Payload {
    return this.#encodeTask(taskId, task, taskLabel);
  }

  /**
   * Encodes the task of a schedule. Its signature covers the expression and the time zone.
   *
   * @throws {StreaqError} When the arguments cannot be serialised, or are too many or too large.
   */
  encodeSchedule(schedule: SignedSchedule, task: NewTaskRecord): Payload {
    return this.#encodeTask(schedule.name, task, scheduleLabel(schedule));
  }

  /** Which secret and key the record of a task was signed and encrypted with; the first, if records are neither. */
  signerOfTask(data: Payload): Signer {
    return this.#codec.signer(data, taskLabel);
  }

  /** Which secret and key the record of a schedule was signed and encrypted with; the first, if records are neither. */
  signerOfSchedule(schedule: SignedSchedule, data: Payload): Signer {
    return this.#codec.signer(data, scheduleLabel(schedule));
  }

  /** Prepares for the records of a task, whose arguments are serialised before the records are completed. */
  template(task: CommonFields): DraftTemplate {
    return new DraftTemplate(task, this.#codec, taskLabel);
  }

  /** The name in a task's record, without deserialising the rest; `undefined` when it cannot be found. */
  peekName(data: Payload): string | undefined {
    return peekName(this.#codec.peek(data, taskLabel));
  }

  /** @throws {StreaqError} When the data is not the record of this task. */
  decodeTask(taskId: string, data: Payload): TaskRecord {
    return unpackTask(taskId, this.#decodeRecord(data, "record of task", taskId, taskLabel));
  }

  /** @throws {StreaqError} When the data is not the task of this schedule. */
  decodeSchedule(schedule: SignedSchedule, data: Payload): TaskRecord {
    const { name } = schedule;
    return unpackTask(name, this.#decodeRecord(data, "record of task", name, scheduleLabel(schedule)));
  }

  /**
   * Encodes the result of a task as the input of another one.
   *
   * @throws {StreaqError} When it cannot be serialised, or is too large.
   */
  encodeInput({ taskId, fnName }: Pick<TaskResultFields, "taskId" | "fnName">, value: unknown): Payload {
    const subject = `the input piped from task ${fnName}`;
    const args = argumentsFrom(value);
    checkCount(args.length, subject);
    return this.#codec.encode(args, subject, inputLabel(taskId));
  }

  /**
   * Decodes the arguments that a task has piped into another one.
   *
   * @param previous The id of the task that piped them.
   * @throws {StreaqError} When the data is not its output.
   */
  decodeInput(previous: string, data: Payload): readonly unknown[] {
    const args = this.#codec.decode(data, "input piped from task", previous, inputLabel(previous));
    if (isArguments(args)) return args;
    throw unreadable("input piped from task", previous, "it is not an array of arguments");
  }

  /** @throws {StreaqError} When a value cannot be serialised, or is too large; never for a failure. */
  encodeResult(fields: TaskResultFields, outcome: TaskOutcome, dependencies: readonly string[] = []): Payload {
    if (!outcome.success) {
      return this.#codec.encodeFailure(
        packResult(fields, false, describeFailure(outcome.error), dependencies),
        resultLabel,
      );
    }
    // JSON has no `undefined`, so a function that returns nothing has the result `null`.
    const value = outcome.value === undefined && this.#codec.isJson ? null : outcome.value;
    const subject = `the result of task ${fields.fnName}`;
    const text = this.#codec.isJson ? this.#codec.jsonOf(value) : undefined;
    if (text !== undefined) return this.#codec.seal(writeSuccess(fields, text, dependencies), subject, resultLabel);
    return this.#codec.encode(packResult(fields, true, value, dependencies), subject, resultLabel);
  }

  /** @throws {StreaqError} When the data is not the result of this task. */
  decodeResult(taskId: string, data: Payload): TaskResult<unknown> {
    return unpackResult(taskId, this.#decodeRecord(data, "result of task", taskId, resultLabel));
  }

  /** The tasks that the task of a result was enqueued after, as far as it remembers them. */
  decodeDependencies(taskId: string, data: Payload): readonly string[] {
    return readDependencies(this.#decodeRecord(data, "result of task", taskId, resultLabel).d);
  }

  #encodeTask(taskId: string, task: NewTaskRecord, label: string): Payload {
    const subject = `the arguments of task ${task.fnName}`;
    const args = readArguments(task.args, subject);
    return this.#codec.encode(packTask(taskId, { ...task, args }), subject, label);
  }

  #decodeRecord(data: Payload, kind: RecordKind, taskId: string, label: string): Readonly<Record<string, unknown>> {
    const record = this.#codec.decode(data, kind, taskId, label);
    if (typeof record !== "object" || record === null) throw unreadable(kind, taskId, "it is not an object");
    if ((record as Record<string, unknown>).i !== taskId) {
      throw unreadable(kind, taskId, "it was stored under another id");
    }
    return record as Record<string, unknown>;
  }
}

/** An input has no room for an id, so its signature covers that: it cannot pass for the input from another task. */
function inputLabel(previous: string): string {
  return `input ${JSON.stringify(previous)}`;
}

function scheduleLabel({ expression, timeZone }: SignedSchedule): string {
  return `schedule ${JSON.stringify([expression, timeZone])}`;
}

import { showPath } from "../../base/path.ts";
import type { StandardIssue, StandardSchemaV1 } from "./standard_schema.ts";

/** A reason why a schema refuses a value. */
export interface Issue {
  /** Where in the value, like `.items[0]`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/** What came out of a schema, its reasons against the value, or the fault that kept it from an answer. */
export type Verdict =
  | { readonly kind: "accepted"; readonly value: unknown }
  | { readonly kind: "refused"; readonly issues: readonly Issue[] }
  | { readonly kind: "fault"; readonly cause: unknown };

/** Checks a value. Schemas are user code, and may do anything; this neither throws nor rejects. */
export function judge(schema: StandardSchemaV1, value: unknown): Verdict | Promise<Verdict> {
  try {
    const answer: unknown = schema["~standard"].validate(value);
    return isThenable(answer) ? Promise.resolve(answer).then(read).catch(fault) : read(answer);
  } catch (cause) {
    return fault(cause);
  }
}

/** @throws When it is not an answer of Standard Schema, or cannot be read. */
function read(answer: unknown): Verdict {
  if (typeof answer !== "object" || answer === null) throw nonsense(answer);
  const { issues } = answer as { issues?: unknown };
  if (!issues) {
    if (!("value" in answer)) throw nonsense(answer);
    return { kind: "accepted", value: answer.value };
  }
  if (!Array.isArray(issues)) throw nonsense(answer);
  // The list may be of a subclass, whose own map() makes another one.
  const read = Array.from(issues as StandardIssue[], readIssue);
  return { kind: "refused", issues: read.length > 0 ? read : [{ path: "", message: "no reason given" }] };
}

function readIssue({ path, message }: StandardIssue): Issue {
  const steps = Array.from(path ?? [], (step) => typeof step === "object" ? step.key : step);
  return { path: showPath(steps).join(""), message: String(message) };
}

function nonsense(answer: unknown): TypeError {
  const kind = answer === null ? "null" : typeof answer;
  return new TypeError(`Expected { value } or { issues } from a schema, got ${kind === "object" ? "neither" : kind}`);
}

function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  return typeof answer === "object" && answer !== null && typeof (answer as { then?: unknown }).then === "function";
}

function fault(cause: unknown): Verdict {
  return { kind: "fault", cause };
}

import { StreaqError, ValidationError } from "../../base/errors.ts";
import type { StandardSchemaV1 } from "./standard_schema.ts";
import { type Issue, judge, type Verdict } from "./verdict.ts";

/** The schemas of a function. */
export interface Schemas {
  /** One for each parameter. */
  readonly input: readonly StandardSchemaV1[];
  /** That of the result, if it has one. */
  readonly output?: StandardSchemaV1 | undefined;
}

/** How many reasons a message names. */
const maxShown = 10;

/**
 * Checks the arguments and the results of a task with its schemas. As long as no schema is asynchronous, it makes no
 * promise.
 */
export class Validator {
  readonly #schemas: Schemas;
  /** Names the function in an error. */
  readonly #owner: string;

  /** @param name The name of the task; empty, if it has none. */
  constructor(schemas: Schemas, name: string) {
    this.#schemas = schemas;
    this.#owner = name === "" ? "a function without a name" : `task ${name}`;
  }

  /** Whether results are checked. */
  get checksResults(): boolean {
    return this.#schemas.output !== undefined;
  }

  /**
   * Checks arguments.
   *
   * @returns What came out of the schemas, one value for each; a promise if one of them is asynchronous.
   * @throws {ValidationError} When a schema refuses its argument, or there are more arguments than schemas.
   * @throws {StreaqError} When a schema throws, or its answer is not one of Standard Schema.
   */
  checkArguments(args: readonly unknown[]): readonly unknown[] | Promise<readonly unknown[]> {
    const { input } = this.#schemas;
    const count = countOf(args);
    // A function may have more parameters, which have defaults. They would be set without a check.
    if (count > input.length) {
      const most = input.length === 1 ? "1 argument" : `${input.length} arguments`;
      throw this.#refusal("arguments", [{ path: "", message: `expected at most ${most}, got ${count}` }]);
    }
    const verdicts = input.map((schema, i) => judge(schema, args[i]));
    return areKnown(verdicts)
      ? this.#argumentsFrom(verdicts)
      : Promise.all(verdicts).then((verdicts) => this.#argumentsFrom(verdicts));
  }

  /**
   * Checks a result.
   *
   * @returns What came out of the schema; the result itself without one. A promise if the schema is asynchronous.
   * @throws {ValidationError} When the schema refuses it.
   * @throws {StreaqError} When the schema throws, or its answer is not one of Standard Schema.
   */
  checkResult(result: unknown): unknown {
    const { output } = this.#schemas;
    if (!output) return result;
    const verdict = judge(output, result);
    return verdict instanceof Promise
      ? verdict.then((verdict) => this.#resultFrom(verdict))
      : this.#resultFrom(verdict);
  }

  /** Calls the function with arguments that are checked, as is its result. */
  async call(fn: (...args: unknown[]) => unknown, args: readonly unknown[]): Promise<unknown> {
    return await this.checkResult(await fn(...await this.checkArguments(args)));
  }

  #argumentsFrom(verdicts: readonly Verdict[]): readonly unknown[] {
    const values: unknown[] = [];
    const issues: Issue[] = [];
    for (const [i, verdict] of verdicts.entries()) {
      if (verdict.kind === "fault") throw this.#failure("arguments", `the schema of [${i}]`, verdict.cause);
      if (verdict.kind === "accepted") values.push(verdict.value);
      else for (const { path, message } of verdict.issues) issues.push({ path: `[${i}]${path}`, message });
    }
    if (issues.length > 0) throw this.#refusal("arguments", issues);
    return values;
  }

  #resultFrom(verdict: Verdict): unknown {
    if (verdict.kind === "fault") throw this.#failure("result", "its schema", verdict.cause);
    if (verdict.kind === "refused") throw this.#refusal("result", verdict.issues);
    return verdict.value;
  }

  #refusal(what: "arguments" | "result", issues: readonly Issue[]): ValidationError {
    const shown = issues.slice(0, maxShown).map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
    if (issues.length > maxShown) shown.push(`and ${issues.length - maxShown} more`);
    return new ValidationError(`Invalid ${what} of ${this.#owner}: ${shown.join("; ")}`, issues);
  }

  #failure(what: "arguments" | "result", schema: string, cause: unknown): StreaqError {
    return new StreaqError(`Cannot check the ${what} of ${this.#owner}: ${schema} failed`, { cause });
  }
}

/** The number of arguments without those at the end that are `undefined`, which are as good as missing. */
function countOf(args: readonly unknown[]): number {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  return count;
}

function areKnown(verdicts: readonly (Verdict | Promise<Verdict>)[]): verdicts is readonly Verdict[] {
  return !verdicts.some((verdict) => verdict instanceof Promise);
}

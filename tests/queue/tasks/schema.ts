import type { StandardSchemaV1 } from "../../../mod.ts";

/** Makes a schema of a function that answers as Standard Schema has it, or does not. */
export function schema<I = unknown, O = I>(validate: (value: unknown) => unknown): StandardSchemaV1<I, O> {
  const properties = { version: 1, vendor: "test", validate };
  return { "~standard": properties } as StandardSchemaV1<I, O>;
}

/** A schema that accepts everything, and notes what it was given. */
export function noting<T>(seen: unknown[]): StandardSchemaV1<T> {
  return schema((value) => {
    seen.push(value);
    return { value };
  });
}

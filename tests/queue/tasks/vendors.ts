import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { StandardSchemaV1 } from "../../../mod.ts";

/** The same schemas by three libraries. */
export interface Vendor {
  readonly name: string;
  readonly order: StandardSchemaV1<{ id: string; at: string }, { id: string; at: Date }>;
  readonly note: StandardSchemaV1<string | undefined, string | undefined>;
  /** Adds an exclamation mark, once for each time that it is applied. */
  readonly shout: StandardSchemaV1<string, string>;
  /** Becomes text. */
  readonly receipt: StandardSchemaV1<{ total: number }, { total: string }>;
  /** A word that is not taken, which is known only after a while; `undefined` if the library has no such schemas. */
  readonly free: StandardSchemaV1<string, string> | undefined;
}

export const vendors: readonly Vendor[] = [
  {
    name: "zod",
    order: z.object({ id: z.string(), at: z.string().refine(isDate, "Invalid date").transform(toDate) }),
    note: z.string().optional(),
    shout: z.string().transform(shout),
    receipt: z.object({ total: z.number().transform(String) }),
    free: z.string().refine(isFree, "Taken").transform(shout),
  },
  {
    name: "valibot",
    order: v.object({
      id: v.string(),
      at: v.pipe(v.string(), v.check(isDate, "Invalid date"), v.transform(toDate)),
    }),
    note: v.optional(v.string()),
    shout: v.pipe(v.string(), v.transform(shout)),
    receipt: v.object({ total: v.pipe(v.number(), v.transform(String)) }),
    free: v.pipeAsync(v.string(), v.checkAsync(isFree, "Taken"), v.transform(shout)),
  },
  {
    name: "arktype",
    order: type({
      id: "string",
      at: type("string").narrow((text, context) => isDate(text) || context.reject({ message: "Invalid date" }))
        .pipe(toDate),
    }),
    note: type("string | undefined"),
    shout: type("string").pipe(shout),
    receipt: type({ total: type("number").pipe(String) }),
    free: undefined,
  },
];

function isDate(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}

function toDate(text: string): Date {
  return new Date(text);
}

function shout(text: string): string {
  return `${text}!`;
}

async function isFree(word: string): Promise<boolean> {
  return await Promise.resolve(word !== "taken");
}

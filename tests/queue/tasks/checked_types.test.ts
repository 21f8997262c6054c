/**
 * Types that the compiler infers from schemas, and uses that it refuses. Nothing here runs but the last lines: the test is
 * that this file compiles, `@ts-expect-error` included.
 */
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import type { StandardSchemaV1 as Specification } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  checked,
  type EnqueueRequest,
  type RegisteredTask,
  type StandardSchemaV1,
  type Task,
  type TaskContext,
  taskContext,
  type TaskResult,
  type ValidationError,
  Worker,
} from "../../../mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

const zodOrder = z.object({ id: z.string(), at: z.string().transform((text) => new Date(text)) });
const valibotOrder = v.object({ id: v.string(), at: v.pipe(v.string(), v.transform((text) => new Date(text))) });
const arktypeOrder = type({ id: "string", at: type("string").pipe((text) => new Date(text)) });

type Given = { id: string; at: string };
type Order = { id: string; at: Date };

async function inferred(): Promise<void> {
  const worker = new Worker();

  // The interface is that of the specification, and schemas of every library have it.
  const specified: Specification<string, number> = {} as StandardSchemaV1<string, number>;
  const ours: StandardSchemaV1<string, number> = specified;
  const schemas: StandardSchemaV1[] = [ours, zodOrder, valibotOrder, arktypeOrder, v.pipeAsync(v.string())];

  // Parameters have the types that come out of the schemas; arguments are what the schemas accept.
  const ship = worker.task(
    checked([zodOrder, z.string()], async function ship(order, note) {
      same<typeof order, Order>(true);
      same<typeof note, string>(true);
      return await Promise.resolve(note.length);
    }),
    { maxTries: 2 },
  );
  same<typeof ship, RegisteredTask<[Given, string], number>>(true);
  const mixed = worker.task("mixed", checked([valibotOrder, arktypeOrder], (a, b) => [a.at, b.at]));
  same<typeof mixed, RegisteredTask<[Given, Given], Date[]>>(true);
  const none = worker.task("none", checked([], () => {}));
  same<typeof none, RegisteredTask<[], void>>(true);

  // What is returned without being registered is an asynchronous function.
  const called = checked([zodOrder], (order) => order.at);
  same<Parameters<typeof called>, [Given]>(true);
  same<ReturnType<typeof called>, Promise<Date>>(true);

  // Schemas at the end that accept undefined make optional parameters.
  const optional = worker.task(
    "optional",
    checked(
      [z.string().optional(), z.string(), z.number().optional(), v.optional(v.boolean(), true)],
      (first, second, third, fourth) => {
        same<typeof first, string | undefined>(true);
        same<typeof second, string>(true);
        same<typeof third, number | undefined>(true);
        same<typeof fourth, boolean>(true);
      },
    ),
  );
  same<Parameters<typeof optional>, [string | undefined, string, number?, (boolean | undefined)?]>(true);
  await optional.enqueue(undefined, "x");
  await optional.enqueue("a", "x", 1);
  await optional.enqueue("a", "x", undefined, false);
  const ark = worker.task("ark", checked([type("string"), type("number | undefined")], (a, b) => a.length + (b ?? 0)));
  await ark.enqueue("x");

  // Functions that are written elsewhere, and with parameters that have defaults.
  async function load(order: Order, retries = 3, { signal }: TaskContext = taskContext()): Promise<string> {
    return (await fetch(`https://example.org/${order.id}?retries=${retries}`, { signal })).statusText;
  }
  const loading = worker.task("load", checked([zodOrder], load));
  same<typeof loading, RegisteredTask<[Given], string>>(true);
  worker.task("context", checked([z.string()], (text, ctx: TaskContext = taskContext()) => text + ctx.taskId));
  worker.task("generic", checked([z.array(z.number())], <T>(list: readonly T[]) => list.length));

  // With a schema of the result, that is what comes out of it.
  const total = worker.task(
    checked([z.number()], function total(n) {
      return { total: n };
    }, z.object({ total: z.number().transform(String) })),
  );
  same<typeof total, RegisteredTask<[number], { total: string }>>(true);
  same<TaskResult<{ total: string }>, Awaited<ReturnType<Awaited<ReturnType<typeof total.enqueue>>["result"]>>>(true);
  const awaited = checked([z.number()], async (n) => await Promise.resolve(n), v.number());
  same<ReturnType<typeof awaited>, Promise<number>>(true);

  // Tasks can be piped, enqueued together, repeated and stubbed as others.
  const request: EnqueueRequest<number> = ship.enqueue({ id: "17", at: "2027-01-01" }, "fragile");
  const task: Task<number> = await request;
  const piped: Task<{ total: string }> = await ship.enqueue({ id: "17", at: "2027-01-01" }, "fragile").pipe(total);
  const [a, b] = await worker.enqueueMany([total.enqueue(1), ship.enqueue({ id: "17", at: "" }, "")]);
  same<[typeof a, typeof b], [Task<{ total: string }>, Task<number>]>(true);
  const stub = worker.stub<typeof ship>("ship");
  same<typeof stub, RegisteredTask<[Given, string], number>>(true);
  const daily = worker.cron("@daily", checked([], () => 1, z.number()), { name: "daily" });
  same<typeof daily, RegisteredTask<[], number>>(true);

  const issues: readonly { path: string; message: string }[] = ({} as ValidationError).issues;

  // Wrong uses.
  // @ts-expect-error an argument of the wrong type
  ship.enqueue({ id: 17, at: "2027-01-01" }, "fragile");
  // @ts-expect-error the type that comes out of the schema is not the one that it accepts
  ship.enqueue({ id: "17", at: new Date() }, "fragile");
  // @ts-expect-error a missing argument
  ship.enqueue({ id: "17", at: "2027-01-01" });
  // @ts-expect-error an argument too many
  ship.enqueue({ id: "17", at: "2027-01-01" }, "fragile", 1);
  // @ts-expect-error the same for a local call
  ship({ id: "17", at: "2027-01-01" }, 5);
  // @ts-expect-error an optional argument of the wrong type
  optional.enqueue("a", "x", "1");
  // @ts-expect-error a parameter that is not what comes out of its schema
  checked([z.string()], (text: number) => text);
  // @ts-expect-error a parameter without a schema
  checked([z.string()], (text: string, more: number) => text.length + more);
  // @ts-expect-error what comes out may be undefined
  checked([z.string().optional()], (text: string) => text);
  // @ts-expect-error what comes out of a schema has no such property
  checked([zodOrder], (order) => order.nope);
  // @ts-expect-error a result that its schema does not accept
  checked([z.string()], (text) => text, z.number());
  // @ts-expect-error the same for an asynchronous function
  checked([z.string()], async (text) => await Promise.resolve(text), z.number());
  // @ts-expect-error not an array of schemas
  checked(z.string(), (text: string) => text);
  // @ts-expect-error not a schema
  checked(["string"], (text: string) => text);
  // @ts-expect-error no function
  checked([z.string()]);
  // @ts-expect-error a cron job takes no arguments
  worker.cron("@daily", checked([z.string()], (text) => text));
  // @ts-expect-error a result that the next task does not accept
  total.enqueue(1).pipe(ship);

  void [schemas, task, piped, issues];
}

describe("types of checked()", () => {
  it("match this file, which would not compile otherwise", () => assert(typeof inferred === "function"));
});

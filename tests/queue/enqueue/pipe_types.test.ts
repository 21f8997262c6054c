/**
 * Types that the compiler infers for pipelines and dependent tasks, and uses that it refuses. Nothing here runs but the
 * last lines: the test is that this file compiles, `@ts-expect-error` included.
 */
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import {
  type EnqueueRequest,
  type Task,
  type TaskGraph,
  type Tuple,
  tuple,
  Worker,
  workerContext,
} from "../../../mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

async function piped(): Promise<void> {
  const worker = new Worker();
  const fetchLength = worker.task(async function fetchLength(url: string) {
    return (await (await fetch(url)).text()).length;
  });
  const double = worker.task(async function double(value: number) {
    return await Promise.resolve(value * 2);
  });
  const isEven = worker.task(function isEven(value: number) {
    return value % 2 === 0;
  });
  const tuplify = worker.task(async function tuplify(n: number) {
    return await Promise.resolve(tuple(n, n));
  });
  const untuple = worker.task((a: number, b: number, { third = 0 }: { third?: number } = {}) => a + b + third, {
    name: "untuple",
  });
  const wide = worker.task((value: number | string) => value, { name: "wide" });
  const either = worker.task((value: number): string | number => value, { name: "either" });
  const rest = worker.task((...values: number[]) => values.length, { name: "rest" });
  const list = worker.task((n: number) => [n, n], { name: "list" });
  const count = worker.task((values: number[]) => values.length, { name: "count" });
  const text = worker.task(() => "a", { name: "text" });
  const nothing = worker.task(() => {}, { name: "nothing" });
  const nullable = worker.task((): number | null => null, { name: "nullable" });
  const optional = worker.task((a: string, o?: { retries: number }) => a.length + (o?.retries ?? 0), { name: "o" });
  const inContext = worker.task((x: number, { n } = workerContext<{ n: number }>()) => x + n, { name: "context" });

  // The next step accepts the result of each step.
  const length = await fetchLength.enqueue("https://example.org").pipe(double).pipe(isEven);
  same<typeof length, Task<boolean>>(true);
  const request: EnqueueRequest<number> = double.enqueue(1).pipe(double);
  await double.enqueue(3).pipe(wide);
  await either.enqueue(3).pipe(wide);
  await list.enqueue(1).pipe(count);
  await double.enqueue(1).pipe(rest);
  await double.enqueue(1).pipe(inContext);
  await nothing.enqueue().pipe(text);
  await nothing.enqueue().pipe(rest);
  await text.enqueue().pipe(fetchLength).start({ priority: "high" });
  await double.enqueue(1).start({ delay: 1 }).pipe(double).start({ priority: "high" });
  await double.enqueue(1).pipe(worker.stub<typeof double>("double"));
  await double.enqueue(1).start({ after: length.id });
  await double.enqueue(1).start({ after: [length.id, "other"] as const });

  // A tuple is spread, and named arguments follow it.
  const sum = await tuplify.enqueue(3).pipe(untuple, { third: 3 });
  same<typeof sum, Task<number>>(true);
  await tuplify.enqueue(3).pipe(untuple);
  await tuplify.enqueue(3).pipe(untuple, {});
  await tuplify.enqueue(1).pipe(rest);
  await text.enqueue().pipe(optional);
  await text.enqueue().pipe(optional, { retries: 2 });

  // Elsewhere it is a plain array.
  const [x, y] = await tuplify(3);
  same<[typeof x, typeof y], [number, number]>(true);
  const mixed: Tuple<[number, string]> = tuple(1, "a");
  same<(typeof mixed)[1], string>(true);
  const stored = await tuplify.enqueue(3);
  const { result } = await stored.result();
  same<typeof result, [number, number] | undefined>(true);
  const value = await stored.value();
  same<typeof value, [number, number]>(true);

  const graph: TaskGraph = await worker.graph(sum.id, { limit: 10 });
  const success: boolean | null = graph.nodes[0]!.success;
  const { dependencies, dependents } = (await sum.info())!;
  same<typeof dependencies, ReadonlySet<string>>(true);
  same<typeof dependents, ReadonlySet<string>>(true);

  // Wrong uses.
  // @ts-expect-error a number is not a string
  fetchLength.enqueue("x").pipe(fetchLength);
  // @ts-expect-error the second parameter is missing
  double.enqueue(3).pipe(untuple);
  // @ts-expect-error a named argument of the wrong type
  tuplify.enqueue(3).pipe(untuple, { third: "no" });
  // @ts-expect-error an unknown named argument
  tuplify.enqueue(3).pipe(untuple, { fourth: 1 });
  // @ts-expect-error named arguments without a parameter for them
  double.enqueue(3).pipe(double, { third: 1 });
  // @ts-expect-error a context given as named arguments
  double.enqueue(3).pipe(inContext, { third: 1 });
  // @ts-expect-error a string is not a number
  either.enqueue(3).pipe(double);
  // @ts-expect-error null is not a number
  nullable.enqueue().pipe(double);
  // @ts-expect-error an array is one argument
  list.enqueue(3).pipe(untuple);
  // @ts-expect-error a tuple with too many elements
  tuplify.enqueue(3).pipe(double);
  // @ts-expect-error a missing argument
  nothing.enqueue().pipe(double);
  // @ts-expect-error a function is not a task
  double.enqueue(3).pipe((value: number) => value);
  // @ts-expect-error a request is not a task
  double.enqueue(3).pipe(double.enqueue(3));
  // @ts-expect-error then() is that of a promise, not pipe()
  await fetchLength.enqueue("x").then(double, { third: 3 });
  // @ts-expect-error a task is not an id
  double.enqueue(3).start({ after: sum });
  // @ts-expect-error only tuple() makes a tuple
  const unmarked: Tuple<[number, number]> = [1, 2];

  void [request, mixed, success, unmarked];
}

describe("types of pipelines", () => {
  it("match this file, which would not compile otherwise", () => assert(typeof piped === "function"));
});

import type { ThreadPool } from "../../../src/queue/threads/pool.ts";
import type { ThreadCall } from "../../../src/queue/threads/messages.ts";

/** Returns the URL of a module with functions for threads. */
export function fixture(name: "tasks" | "failures" | "throwing" | "silent"): string {
  return new URL(`./fixtures/${name}.ts`, import.meta.url).href;
}

/** Makes a call of a function, by default of the fixture "tasks". */
export function call(fnName: string, args: readonly unknown[] = [], module = fixture("tasks")): ThreadCall {
  return {
    module,
    fnName,
    args,
    queueName: "default",
    context: { fnName, taskId: "id", tries: 1, timeout: null, ttl: null },
  };
}

/** Calls a function in a thread of the pool. */
export async function run(pool: ThreadPool, ...[fnName, args, module]: Parameters<typeof call>): Promise<unknown> {
  const thread = await pool.acquire();
  try {
    return await thread.call(call(fnName, args, module));
  } finally {
    thread.release();
  }
}

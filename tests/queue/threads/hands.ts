import type { ThreadPool } from "../../../src/queue/threads/pool.ts";
import type { ThreadCall } from "../../../src/queue/threads/messages.ts";

/** The URL of a module with functions for threads. */
export function fixture(name: "tasks" | "failures" | "throwing" | "silent"): string {
  return new URL(`./fixtures/${name}.ts`, import.meta.url).href;
}

/** A call of a function, most of them of the fixture "tasks". */
export function call(fnName: string, args: readonly unknown[] = [], module = fixture("tasks")): ThreadCall {
  return {
    module,
    fnName,
    args,
    queueName: "default",
    context: { fnName, taskId: "id", tries: 1, timeout: null, ttl: null },
  };
}

/** Calls a function in whichever thread is free. */
export async function run(pool: ThreadPool, ...[fnName, args, module]: Parameters<typeof call>): Promise<unknown> {
  const thread = await pool.acquire();
  try {
    return await thread.call(call(fnName, args, module));
  } finally {
    thread.release();
  }
}

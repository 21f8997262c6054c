import process from "node:process";
import { createInterface } from "node:readline";
import { REPLY_MARK, type SideCalls, type SideReply, type SideRequest } from "../run/protocol.ts";

/** The calls that a program answers. */
export type Handlers = {
  readonly [K in keyof SideCalls]?: (
    ...args: Parameters<SideCalls[K]>
  ) => ReturnType<SideCalls[K]> | Promise<ReturnType<SideCalls[K]>>;
};

/** Answers the calls that arrive on standard input, one a line, until the input closes; then exits. */
export function serve(handlers: Handlers): void {
  createInterface(process.stdin)
    .on("line", (line) => void answer(handlers, JSON.parse(line)).then(print))
    .on("close", () => process.exit());
}

/** Resolves to the user and system time of this process, in milliseconds. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Resolves to the milliseconds that `action` took. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

async function answer(handlers: Handlers, { call, args }: SideRequest): Promise<SideReply> {
  try {
    const handler = handlers[call] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (!handler) throw new Error(`Cannot call ${call}(): this program does not answer it`);
    return { answer: await handler(...args) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function print(reply: SideReply): void {
  process.stdout.write(REPLY_MARK + JSON.stringify(reply) + "\n");
}

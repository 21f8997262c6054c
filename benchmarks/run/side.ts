import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { BUNDLES } from "./bundle.ts";
import { REPLY_MARK, type SideCalls, type SideReply, type SideRequest } from "./protocol.ts";
import { commandFor } from "./runtimes.ts";
import type { Subject } from "./subject.ts";

/** How much of what a process prints on standard error is kept for messages. */
const COMPLAINT_LENGTH = 400;
/** How long a process may take to exit after its input was closed, in milliseconds. */
const EXIT_TIMEOUT = 2000;

/** A measured process: the producer or a worker of a system, or a client. It ends with this process. */
export class Side implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #complaint = "";
  #waiting: { resolve(reply: SideReply): void; reject(error: Error): void } | undefined;

  /** @param kind The program: `queue` or `client`. */
  constructor(kind: "queue" | "client", { name, runtime }: Subject) {
    const [command, ...args] = commandFor(runtime, name);
    const path = runtime === "python"
      ? fileURLToPath(new URL("../systems/python/side.py", import.meta.url))
      : join(BUNDLES, "sides", `${kind}.mjs`);
    this.#process = spawn(command, [...args, path, name], { stdio: ["pipe", "pipe", "pipe"] });
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        this.#fail(`The process of ${name} exited with ${signal ?? code}`);
        resolve();
      });
      this.#process.once("error", (error) => {
        this.#fail(`Cannot start the process of ${name}: ${error.message}`);
        resolve();
      });
    });
    this.#process.stdin!.on("error", () => {}); // The exit is reported instead.
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_LENGTH);
    });
    createInterface(this.#process.stdout!).on("line", (line) => {
      if (line.startsWith(REPLY_MARK)) this.#settle(JSON.parse(line.slice(REPLY_MARK.length)));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Calls the process and resolves to its answer. One call at a time. */
  async call<K extends keyof SideCalls>(call: K, ...args: Parameters<SideCalls[K]>): Promise<ReturnType<SideCalls[K]>> {
    if (this.#waiting) throw new Error(`Cannot call ${call}(): another call is in flight`);
    const reply = await new Promise<SideReply>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#process.exitCode !== null || this.#process.pid === undefined) this.#fail("The process has exited");
      else this.#process.stdin!.write(JSON.stringify({ call, args } satisfies SideRequest) + "\n");
    });
    if ("error" in reply) throw new Error(reply.error);
    return reply.answer as ReturnType<SideCalls[K]>;
  }

  /** Kills the process, and rejects the call in flight. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Closes the input of the process, which makes it exit, and waits until it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin!.end();
    const timer = setTimeout(() => this.kill(), EXIT_TIMEOUT);
    await this.#exited;
    clearTimeout(timer);
  }

  #settle(reply: SideReply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(reply);
  }

  #fail(message: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const complaint = this.#complaint.trim().split("\n").slice(-3).join(" ");
    waiting?.reject(new Error(complaint ? `${message}: ${complaint}` : message));
  }
}

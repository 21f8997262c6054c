import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/poll.ts";
import { limitedCommand, runtimeCommand } from "../support/runtime.ts";

const workerFile = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));

/** An event that a worker process has noted. */
export interface Note {
  /** The worker is about to run, or a function was called, or it has returned. */
  readonly event: "ready" | "start" | "end";
  readonly taskId: string;
  readonly tries: number;
  readonly workerId: string;
  /** In Unix milliseconds, by the clock of the machine. */
  readonly time: number;
}

/** A process with one worker. */
export interface WorkerProcess {
  readonly workerId: string;
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM, and resolves to the exit code. */
  stop(): Promise<number | string>;
  /** Sends SIGKILL, and waits until the process has exited. */
  kill(): Promise<void>;
  /** The exit code, or the signal that ended the process. */
  readonly exited: Promise<number | string>;
}

/** Worker processes that note events in a common file. Disposal kills the ones that still run. */
export class WorkerProcesses implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "streaq-workers-"));
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #running = new Set<WorkerProcess>();
  readonly #heap: number | undefined;
  #count = 0;

  /**
   * @param options Options of the workers.
   * @param limits.heap The largest heap of each process, in megabytes.
   */
  constructor(options: Readonly<Record<string, unknown>>, { heap }: { heap?: number } = {}) {
    this.#options = options;
    this.#heap = heap;
  }

  /** Starts a worker process, and waits until its worker is about to run. */
  async start(options: Readonly<Record<string, unknown>> = {}): Promise<WorkerProcess> {
    const workerId = `worker-${this.#count++}`;
    const settings = JSON.stringify({ id: workerId, ...this.#options, ...options, file: this.#file });
    const heap = this.#heap;
    const [command, ...args] = heap === undefined
      ? runtimeCommand(workerFile, settings)
      : limitedCommand(heap, workerFile, settings);
    // A process whose heap is full prints pages about it.
    const child = spawn(command, args, { stdio: ["ignore", "ignore", heap === undefined ? "inherit" : "ignore"] });
    const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
    const signal = (name: NodeJS.Signals) => void process.kill(child.pid!, name);
    const started: WorkerProcess = {
      workerId,
      exited,
      signal,
      stop: async () => {
        signal("SIGTERM");
        return await exited;
      },
      kill: async () => {
        signal("SIGKILL");
        await exited;
      },
    };
    this.#running.add(started);
    void exited.then(() => this.#running.delete(started));
    await eventually(() => this.notes.some((note) => note.event === "ready" && note.workerId === workerId), {
      timeout: 20_000,
      message: `${workerId} is ready`,
    });
    return started;
  }

  /** Lets the task `fragile` fail, or no longer. */
  setBroken(isBroken: boolean): void {
    if (isBroken) writeFileSync(`${this.#file}.broken`, "");
    else rmSync(`${this.#file}.broken`);
  }

  /** All notes so far, in order. */
  get notes(): Note[] {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, "utf8").split("\n").filter(Boolean).map((line) => {
      const [event, taskId, tries, workerId, time] = line.split(" ");
      return { event, taskId, tries: Number(tries), workerId, time: Number(time) } as Note;
    });
  }

  /** The starts of one task, or of all tasks, in order. */
  starts(taskId?: string): Note[] {
    return this.notes.filter((note) => note.event === "start" && (!taskId || note.taskId === taskId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, "notes");
  }
}

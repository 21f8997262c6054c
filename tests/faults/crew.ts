import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/poll.ts";
import { runtimeCommand } from "../support/runtime.ts";

const workerFile = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));

/** What a worker process noted. */
export interface Note {
  readonly event: "ready" | "start" | "end";
  readonly taskId: string;
  readonly tries: number;
  readonly workerId: string;
  readonly time: number;
}

/** A worker process. */
export interface Hand {
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Worker processes that note what they do in one file. */
export class Crew implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "streaq-crew-"));
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #hands = new Set<Hand>();
  #hired = 0;

  /** @param options Those of the workers. */
  constructor(options: Readonly<Record<string, unknown>>) {
    this.#options = options;
  }

  /** Starts a worker process, and waits until it is about to run. */
  async hire(options: Readonly<Record<string, unknown>> = {}): Promise<Hand> {
    const id = `hand-${this.#hired++}`;
    const settings = JSON.stringify({ id, ...this.#options, ...options, file: this.#file });
    const [command, ...args] = runtimeCommand(workerFile, settings);
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
    const hand: Hand = {
      signal: (name) => process.kill(child.pid!, name),
      ended: once(child, "exit").then(([code, signal]) => code ?? signal),
    };
    this.#hands.add(hand);
    void hand.ended.then(() => this.#hands.delete(hand));
    await eventually(() => this.notes.some(({ event, workerId }) => event === "ready" && workerId === id), {
      timeout: 20_000,
      message: `${id} is ready`,
    });
    return hand;
  }

  /** What was noted so far. */
  get notes(): Note[] {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, "utf8").split("\n").filter(Boolean).map((line) => {
      const [event, taskId, tries, workerId, time] = line.split(" ");
      return { event, taskId, tries: Number(tries), workerId, time: Number(time) } as Note;
    });
  }

  /** The starts of one task, or of all. */
  starts(taskId?: string): Note[] {
    return this.notes.filter((note) => note.event === "start" && (!taskId || note.taskId === taskId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const hands = [...this.#hands];
    for (const hand of hands) hand.signal("SIGKILL");
    await Promise.all(hands.map(({ ended }) => ended));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, "notes");
  }
}

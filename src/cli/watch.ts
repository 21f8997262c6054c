import { existsSync, type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { extname, join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";

/** Folders without source files of the user. */
const ignored: ReadonlySet<string> = new Set(["node_modules", ".git", "dist"]);
const extensions: ReadonlySet<string> = new Set([
  ...[".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json", ".jsonc"],
]);
/** How long no file may change before changes are reported, in milliseconds: editors and git write several times. */
const quietPeriod = 150;

/**
 * Watches the source files in a folder and below it.
 *
 * The events of the operating system differ between systems and may not mean a change, so an event only triggers a scan
 * for files whose time or size has changed.
 */
export class SourceWatcher {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #onChange: (path: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #files: ReadonlyMap<string, string>;
  #timer: Timer | undefined;

  /** @param onChange Called once for all files that change together, with a file that is new, changed or deleted. */
  constructor(root: string, { clock, onChange }: { clock: Clock; onChange: (path: string) => void }) {
    this.#root = root;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#files = this.#scan();
  }

  /** Stops watching. */
  close(): void {
    this.#timer?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Returns the files with their time and size, and starts to watch new folders. */
  #scan(): ReadonlyMap<string, string> {
    const files = new Map<string, string>();
    const folders = [this.#root];
    for (const folder of folders) {
      this.#watch(folder);
      for (const entry of entriesOf(folder)) {
        const path = join(folder, entry.name);
        if (entry.isDirectory() && !ignored.has(entry.name)) folders.push(path);
        if (!entry.isFile() || !extensions.has(extname(path))) continue;
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat) files.set(path, `${stat.mtimeMs} ${stat.size}`);
      }
    }
    for (const [folder, watcher] of this.#watchers) {
      if (folders.includes(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    return files;
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder) || !existsSync(folder)) return;
    const watcher = watch(folder, () => this.#checkSoon());
    // For example, the folder was deleted, which the scan notices.
    watcher.on("error", () => this.#checkSoon());
    this.#watchers.set(folder, watcher);
  }

  #checkSoon(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(quietPeriod, () => this.#check());
  }

  #check(): void {
    const before = this.#files;
    const now = this.#files = this.#scan();
    const paths = [...now.keys(), ...before.keys()];
    const changed = paths.find((path) => now.get(path) !== before.get(path));
    if (changed !== undefined) this.#onChange(changed);
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // The folder was deleted meanwhile, or may not be read.
    return [];
  }
}

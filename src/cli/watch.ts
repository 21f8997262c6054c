import { existsSync, type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { extname, join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";

/** Folders that hold no source of the user's. */
const ignored: ReadonlySet<string> = new Set(["node_modules", ".git", "dist"]);
const extensions: ReadonlySet<string> = new Set([
  ...[".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json", ".jsonc"],
]);
/** Editors and version control write several times in a row; in milliseconds. */
const calm = 150;

/**
 * Watches the source files in a folder and below it.
 *
 * What the system reports differs from one to the next, and includes what changes nothing; it only says when to look.
 */
export class SourceWatcher {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #onChange: (path: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #files: ReadonlyMap<string, string>;
  #timer: Timer | undefined;

  /** @param onChange Called with a file that is new, gone or different, once for all that change together. */
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

  /** The files with a mark of what is in each; also begins to watch folders that are new. */
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
    const watcher = watch(folder, () => this.#lookSoon());
    // Such as that the folder is gone, which the next look finds out.
    watcher.on("error", () => this.#lookSoon());
    this.#watchers.set(folder, watcher);
  }

  #lookSoon(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(calm, () => this.#look());
  }

  #look(): void {
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
    // Gone meanwhile, or not ours to read.
    return [];
  }
}

import { execFile, execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { packageProgram, ROOT } from "../../scripts/runtimes.mjs";

/** The programs to bundle. */
export const FIXTURES = fileURLToPath(new URL("./fixtures", import.meta.url));

/** The application of a user who has installed the built package. */
export class Application implements Disposable {
  readonly #home = realpathSync(mkdtempSync(join(tmpdir(), "streaq-bundle-")));
  /** Has `program.js` and `node_modules`. */
  readonly source = join(this.#home, "source");
  /** Where bundles go. No package can be found from here. */
  readonly target = join(this.#home, "target");

  constructor() {
    const packages = join(this.source, "node_modules");
    const built = join(packages, "@q/streaq");
    mkdirSync(built, { recursive: true });
    mkdirSync(this.target);
    this.#build(built);
    for (const name of ["croner", "@rollup/plugin-node-resolve"]) {
      mkdirSync(dirname(join(packages, name)), { recursive: true });
      symlinkSync(join(ROOT, "node_modules", name), join(packages, name));
    }
    for (const file of readdirSync(FIXTURES)) {
      copyFileSync(join(FIXTURES, file), join(this.source, file));
    }
    for (const folder of [this.source, this.target]) this.#write(folder, "package.json", '{ "type": "module" }');
    const broken = 'throw new RangeError("It is broken", { cause: new TypeError("It was never whole") });';
    this.#write(this.target, "broken.js", broken);
    this.#write(this.target, "silent.js", "export {};");
  }

  /** Writes a file of the source. */
  write(file: string, text: string): void {
    this.#write(this.source, file, text);
  }

  /** Runs a command in the folder of the source, or another one, and returns what it prints; it must not complain. */
  async run(commandLine: readonly string[], cwd: string = this.source): Promise<string> {
    const [command = "", ...args] = commandLine;
    // A program that does not exit by itself fails here.
    const options = { cwd, env: { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" }, timeout: 30_000 };
    return (await promisify(execFile)(command, args, options)).stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true });
  }

  #build(folder: string): void {
    const [command = "", ...args] = [...packageProgram("tsup"), "--no-dts", "--silent"];
    execFileSync(command, [...args, "--out-dir", join(folder, "dist")], { cwd: ROOT });
    copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  }

  #write(folder: string, file: string, text: string): void {
    writeFileSync(join(folder, file), text);
  }
}

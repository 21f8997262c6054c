import process from "node:process";

const width = 32;
/** The least time between two updates of the line, in milliseconds. */
const interval = 40;

/** Progress of the demo: one line that is updated in place on a terminal, a few lines elsewhere. */
export class Progress {
  readonly #total: number;
  #done = 0;
  #words = 0;
  #shown = -Infinity;

  constructor(total: number) {
    this.#total = total;
  }

  /** Counts a finished file. */
  step(words: number): void {
    this.#done++;
    this.#words += words;
    if (process.stdout.isTTY) {
      if (performance.now() - this.#shown < interval) return;
      this.#shown = performance.now();
      process.stdout.write(`\r${this.#line()}`);
    } else if (this.#done % Math.ceil(this.#total / 4) === 0) console.log(this.#line());
  }

  /** Prints the final line. */
  end(): void {
    console.log(process.stdout.isTTY ? `\r${this.#line()}` : this.#line());
  }

  #line(): string {
    const filled = Math.round(width * this.#done / this.#total);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    return `${bar}  ${this.#done}/${this.#total} files  ${this.#words.toLocaleString("en")} words`;
  }
}

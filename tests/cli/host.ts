import type { Host } from "../../src/cli/verb.ts";

/** A process without a terminal, or with one on which questions get a given answer. */
export class TestHost implements Host {
  readonly self = ["false"] as const;
  readonly logger = console;
  readonly stop: AbortSignal = new AbortController().signal;
  readonly kill: AbortSignal = new AbortController().signal;
  readonly ask: Host["ask"];
  readonly questions: string[] = [];
  output = "";
  errors = "";

  constructor({ answer, columns }: { answer?: string; columns?: number } = {}) {
    this.columns = columns;
    this.ask = answer === undefined ? undefined : (question) => {
      this.questions.push(question);
      return Promise.resolve(answer);
    };
  }

  readonly columns: number | undefined;

  takeSignals(): void {}

  print(text: string): Promise<void> {
    this.output += text;
    return Promise.resolve();
  }

  printError(message: string): void {
    this.errors += `${message}\n`;
  }
}

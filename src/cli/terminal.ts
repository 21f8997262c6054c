import process from "node:process";

/**
 * Asks on the terminal, and reads one line, which the terminal lets the user edit. The question is no output of the
 * program, which may be redirected.
 *
 * @returns The answer; empty at the end of the input, as after Ctrl+D.
 */
export async function askOnTerminal(question: string): Promise<string> {
  process.stderr.write(question);
  // A terminal delivers whole lines. Leaving the loop closes the input, so that the process can exit.
  for await (const line of process.stdin) return String(line);
  process.stderr.write("\n");
  return "";
}

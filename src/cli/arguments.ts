import { parseArgs, type ParseArgsConfig } from "node:util";
import { suggestionFor } from "../base/known_options.ts";
import { UsageError } from "./verb.ts";

/** The options of a verb, by their names. */
type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** The parsed arguments of a verb. */
export type Arguments<T extends OptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: T }>
>;

/**
 * Parses the arguments of a verb.
 *
 * @throws {UsageError} If an option is unknown, with the nearest known one, or lacks its value.
 */
export function parseArguments<const T extends OptionsConfig>(
  args: readonly string[],
  options: T,
): Arguments<T> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (cause) {
    // The first sentence is the error; the rest explains how to write an argument that begins with a dash.
    const message = cause instanceof Error ? cause.message.replace(/\.? To specify .*/s, "") : String(cause);
    const [, unknown] = /^Unknown option '(.+)'$/s.exec(message) ?? [];
    throw new UsageError(unknown === undefined ? message : explainUnknown(unknown, Object.keys(options)), { cause });
  }
}

function explainUnknown(unknown: string, names: readonly string[]): string {
  const nearest = suggestionFor(unknown.replace(/^-+/, ""), names);
  const hint = nearest === undefined
    ? `expected one of ${names.map((name) => `--${name}`).join(", ")}`
    : `did you mean --${nearest}?`;
  return `Cannot use option ${unknown}: there is no such option, ${hint}`;
}

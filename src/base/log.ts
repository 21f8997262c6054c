import type { Clock } from "./clock.ts";

/** Receives log lines. `console` and most logging libraries fit. */
export interface Logger {
  /** Details for debugging. */
  debug(message: string): void;
  /** Normal events, such as a start or a shutdown. */
  info(message: string): void;
  /** Problems that are handled, such as an operation that will be retried. */
  warn(message: string): void;
  /** Problems that need attention. */
  error(message: string): void;
}

/** Level of a log line, from lowest to highest. A logger drops lines below its own level. */
export type LogLevel = "debug" | "info" | "warn" | "error";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A logger whose level can be changed. */
export interface LeveledLogger extends Logger {
  /** The lowest level that is written. */
  level: LogLevel;
}

/**
 * Creates a logger that writes lines like `[INFO] 2026-11-23 09:14:35: message` to the console.
 *
 * @param options.level Its first level.
 * @param options.timeZone IANA time zone of the time in each line.
 */
export function consoleLogger(
  { clock, level = "info", timeZone = "UTC" }: { clock: Clock; level?: LogLevel; timeZone?: string },
): LeveledLogger {
  // The Swedish format is that of ISO 8601, with a space between date and time.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const line = (at: LogLevel) => (message: string): void => {
    if (levels.indexOf(at) < levels.indexOf(logger.level)) return;
    console[at](`[${at.toUpperCase()}] ${format.format(clock.now())}: ${message}`);
  };
  const logger = { level, debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  return logger;
}

/**
 * Wraps a logger so that it never throws, and gets only messages in which no id, name or error text can forge a line or
 * control a terminal.
 *
 * @throws {TypeError} If it lacks a method: its errors are ignored, so that it would log nothing.
 */
export function safeLogger(logger: Logger): Logger {
  const missing = levels.filter((level) => typeof logger?.[level] !== "function");
  if (missing.length > 0) {
    const expected = "expected an object with the methods debug, info, warn and error";
    throw new TypeError(`Cannot use option "logger": ${expected}, got one without ${missing.join(", ")}`);
  }
  const line = (level: LogLevel) => (message: string): void => {
    try {
      logger[level](printable(message));
    } catch {
      // There is nowhere to report that logging fails, and the work continues without a log.
    }
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** Line breaks that no indented line follows, other control characters, and those that change the direction of text. */
// deno-lint-ignore no-control-regex -- They are what it is about.
const unprintable = /\n(?![ \t])|[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Escapes what is not printable as in JSON. A stack stays as it is, because its lines are indented. */
export function printable(message: string): string {
  return message.replace(unprintable, (character) => {
    return character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

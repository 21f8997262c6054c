import type { Clock } from "./clock.ts";

/** Where log lines go: `console` will do, and so will most loggers. */
export interface Logger {
  /** What only somebody who looks for a fault wants to know. */
  debug(message: string): void;
  /** What happens in the ordinary course of things. */
  info(message: string): void;
  /** What is wrong, but is dealt with. */
  warn(message: string): void;
  /** What is wrong, and needs somebody. */
  error(message: string): void;
}

/** The lowest level that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A logger whose level can be changed. */
export interface LeveledLogger extends Logger {
  /** Lines below it are dropped. */
  level: LogLevel;
}

/**
 * A logger that writes lines like `[INFO] 2026-11-23 09:14:35: message` to the console.
 *
 * @param options.level The level to begin with.
 * @param options.timeZone The IANA zone that the time is written in.
 */
export function consoleLogger(
  { clock, level = "info", timeZone = "UTC" }: { clock: Clock; level?: LogLevel; timeZone?: string },
): LeveledLogger {
  // Swedish writes dates as ISO 8601 does, with a space between date and time.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const line = (at: LogLevel) => (message: string): void => {
    if (levels.indexOf(at) < levels.indexOf(logger.level)) return;
    console[at](`[${at.toUpperCase()}] ${format.format(clock.now())}: ${message}`);
  };
  const logger = { level, debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  return logger;
}

/** A logger that never throws, whatever the one under it does. */
export function safeLogger(logger: Logger): Logger {
  const line = (level: LogLevel) => (message: string): void => {
    try {
      logger[level](message);
    } catch {
      // There is nowhere left to tell it, and work goes on without a log.
    }
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** Reads the environment variables that control setup and tests. */
import process from "node:process";

/**
 * Reads `STREAQ_SETUP`. With `no`, setup installs neither npm packages nor programs: if something is missing, it prints
 * the commands that would install it, and fails.
 */
export function mayInstall() {
  return isOn("STREAQ_SETUP");
}

/**
 * Reads `STREAQ_TEST_REDIS`. With `no`, the tests start no server, for systems without Redis (Windows): test files that
 * need one are skipped and listed, and the behaviour of the queue is tested in memory only.
 */
export function testsUseRedis() {
  return isOn("STREAQ_TEST_REDIS");
}

/** @param {string} name Name of the variable. A misspelt value throws: it must not skip tests or install anything. */
function isOn(name) {
  const value = process.env[name] || "yes";
  if (value === "yes" || value === "no") return value === "yes";
  throw new RangeError(`Cannot use ${name}: expected yes or no, got ${value}`);
}

/** The switches in the environment, read here and nowhere else. */
import process from "node:process";

/**
 * Reads `STREAQ_SETUP`. With `no` nothing is installed, neither npm packages nor programs: where something is missing,
 * set-up prints the commands that would install it, and fails.
 */
export function mayInstall() {
  return isOn("STREAQ_SETUP");
}

/**
 * Reads `STREAQ_TEST_REDIS`. With `no` the tests start no server, for a system that has no Redis (Windows): test files
 * that need one are left out and listed, and the behaviour of the queue is tested in memory only.
 */
export function testsUseRedis() {
  return isOn("STREAQ_TEST_REDIS");
}

/** @param {string} name A misspelt value must not leave out tests, nor install anything. */
function isOn(name) {
  const value = process.env[name] || "yes";
  if (value === "yes" || value === "no") return value === "yes";
  throw new RangeError(`Cannot use ${name}: expected yes or no, got ${value}`);
}

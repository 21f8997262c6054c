/** Counts the tests in the JUnit reports of the three test runners. */

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * Counts the tests in a report. Deno also reports each `describe` as a test, whose name is a prefix of the names of its
 * tests; it does not count.
 *
 * @param {string} report The XML, or "" if the runner died before it wrote one.
 * @returns {Counts}
 */
export function countTests(report) {
  const cases = [...report.matchAll(CASE)].map(([, name = "", , body = ""]) => ({ name, body }));
  const parents = new Set(cases.flatMap(({ name }) => ancestors(name)));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of cases) {
    if (parents.has(name)) continue;
    if (/<(failure|error)\b/.test(body)) counts.failed++;
    else if (body.includes("<skipped")) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}

/** @param {Counts} counts */
export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : "");
}

/**
 * A test case: its name, the end of its start tag, and its body. Node writes attributes that contain an unescaped ">".
 */
const CASE = /<testcase name="([^"]*)"(?:\s+\w+="[^"]*")*\s*(\/>|>([\s\S]*?)<\/testcase>)/g;

/** @param {string} name "a &gt; b &gt; c" has the ancestors "a" and "a &gt; b". */
function ancestors(name) {
  const parts = name.split(" &gt; ");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(" &gt; "));
}

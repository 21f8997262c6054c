import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { countTests, formatCounts } from "../../scripts/junit.mjs";

// The report of each runner for the same tests: `a` passes, `b > c` fails, `b > d` is skipped, `b > e > f` passes.
const reports: Record<string, string> = {
  deno: `<testsuites name="deno test" tests="6" failures="2" errors="0" time="0.2">
    <testsuite name="./a.test.ts" tests="2" disabled="0" errors="0" failures="1">
      <testcase name="a" classname="./a.test.ts" time="0.002" line="3" col="1">
      </testcase>
      <testcase name="b" classname="./a.test.ts" time="0.021" line="6" col="1">
        <failure message="1 test step failed">1 test step failed.</failure>
      </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="4" disabled="1" errors="0" failures="1">
      <testcase name="b &gt; c" classname="ext:deno_node/testing.ts" time="0.002" line="1" col="2">
        <failure message="Uncaught AssertionError: boom &lt;x&gt;">AssertionError: boom &lt;x&gt;</failure>
      </testcase>
      <testcase name="b &gt; d" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="2">
        <skipped/>
      </testcase>
      <testcase name="b &gt; e" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="2">
      </testcase>
      <testcase name="b &gt; e &gt; f" classname="ext:deno_node/testing.ts" time="0.000" line="1" col="2">
      </testcase>
    </testsuite>
  </testsuites>`,
  bun: `<testsuites name="bun test" tests="4" assertions="0" failures="1" skipped="1" time="0.04">
    <testsuite name="a.test.ts" file="a.test.ts" tests="4" assertions="0" failures="1" skipped="1" time="0.03">
      <testcase name="a" classname="" time="0.001" file="a.test.ts" line="3" assertions="0" />
      <testsuite name="b" file="a.test.ts" line="6" tests="3" assertions="0" failures="1" skipped="1" time="0.001">
        <testcase name="c" classname="b" time="0.001" file="a.test.ts" line="8" assertions="0">
          <failure type="AssertionError" message="boom &lt;x&gt;">AssertionError: boom &lt;x&gt;&#10; at a.test.ts:8</failure>
        </testcase>
        <testcase name="d" classname="b" time="0" file="a.test.ts" line="9" assertions="0">
          <skipped />
        </testcase>
        <testsuite name="e" file="a.test.ts" line="11" tests="1" assertions="0" failures="0" skipped="0" time="0.005">
          <testcase name="f" classname="e &gt; b" time="0.00002" file="a.test.ts" line="11" assertions="0" />
        </testsuite>
      </testsuite>
    </testsuite>
  </testsuites>`,
  node: `<testsuites>
    <testcase name="a" time="0.000923" classname="test"/>
    <testsuite name="b" time="0.018580" disabled="0" errors="0" tests="3" failures="1" skipped="1" hostname="vm">
      <testcase name="c" time="0.002235" classname="test" failure="boom &lt;x>">
        <failure type="testCodeFailure" message="boom &lt;x>">
          Error [ERR_TEST_FAILURE]: boom &lt;x>
        </failure>
      </testcase>
      <testcase name="d" time="0.000127" classname="test">
        <skipped type="skipped" message="true"/>
      </testcase>
      <testsuite name="e" time="0.014944" disabled="0" errors="0" tests="1" failures="0" skipped="0" hostname="vm">
        <testcase name="f" time="0.000178" classname="test"/>
      </testsuite>
    </testsuite>
    <!-- tests 4 -->
  </testsuites>`,
};

describe("countTests()", () => {
  for (const [runtime, report] of Object.entries(reports)) {
    it(`counts the tests, and not the suites, in a report of ${runtime}`, () => {
      assertEquals(countTests(report), { passed: 2, failed: 1, skipped: 1 });
    });
  }

  it("finds none in an empty report", () => {
    assertEquals(countTests(""), { passed: 0, failed: 0, skipped: 0 });
  });
});

describe("formatCounts()", () => {
  it("mentions skipped tests only if there are any", () => {
    assertEquals(formatCounts({ passed: 3, failed: 1, skipped: 0 }), "3 passed, 1 failed");
    assertEquals(formatCounts({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
  });
});

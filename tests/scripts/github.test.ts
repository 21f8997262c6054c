import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { findFaults, lintWorkflows } from "../../scripts/check/github.ts";
import { dependabot, devcontainer, issueConfig, issueForm } from "../../scripts/check/github_schemas.ts";

const valid = `
on: push
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@v4
      - run: echo "\${{ github.ref_name }}"
`;

/** Checks a repository with these workflows. */
function lint(...workflows: readonly string[]): void {
  const root = mkdtempSync(join(tmpdir(), "streaq-workflows-"));
  try {
    mkdirSync(join(root, ".github/workflows"), { recursive: true });
    workflows.forEach((text, index) => writeFileSync(join(root, `.github/workflows/${index}.yml`), text));
    lintWorkflows(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe("lintWorkflows()", () => {
  it("accepts a valid workflow", () => lint(valid));

  const cases: [fault: string, from: string, to: string, message: string][] = [
    ["a misspelt key", "runs-on:", "run-on:", 'unexpected key "run-on"'],
    ["an unknown runner", "ubuntu-latest", "ubuntu-newest", 'label "ubuntu-newest" is unknown'],
    ["an unknown permission", "contents: read", "content: read", 'unknown permission scope "content"'],
    ["an expression that leads nowhere", "github.ref_name", "github.refname", 'property "refname" is not defined'],
    ["text that is not YAML", "jobs:", "jobs: [", "could not parse as YAML"],
  ];
  for (const [fault, from, to, message] of cases) {
    it(`refuses ${fault}, also beside a valid workflow`, () => {
      const error = assertThrows(() => lint(valid, valid.replace(from, to)), Error, message);
      assertEquals(error.message.includes("workflows/1.yml"), true);
    });
  }

  it("refuses a repository without workflows", () => {
    assertThrows(() => lint(), Error, "No workflow files found");
  });
});

describe("findFaults()", () => {
  const form = `
name: Bug
description: A bug
body:
  - type: input
    id: version
    attributes: { label: Version }
    validations: { required: true }
  - type: dropdown
    attributes: { label: Runtime, options: [Deno, Bun, Node] }
`;
  const updates = `
version: 2
updates:
  - { package-ecosystem: npm, directory: /, schedule: { interval: weekly } }
`;
  const container = '{ "image": "node:20", "postCreateCommand": "npm run setup" }';

  it("finds nothing in valid files", () => {
    assertEquals([...findFaults(form, issueForm)], []);
    assertEquals([...findFaults("blank_issues_enabled: false", issueConfig)], []);
    assertEquals([...findFaults(updates, dependabot)], []);
    assertEquals([...findFaults(container, devcontainer)], []);
  });

  const cases: [name: string, text: string, schema: typeof issueForm, fault: string][] = [
    ["a missing key", form.replace("name: Bug", ""), issueForm, "/ must have required property 'name'"],
    ["an unknown key", `${form}colour: red`, issueForm, "/ must NOT have additional properties: colour"],
    [
      "an attribute of another type of element",
      form.replace("label: Version", "label: Version, options: [a]"),
      issueForm,
      "/body/0/attributes must NOT have additional properties: options",
    ],
    [
      "an unknown type",
      form.replace("type: input", "type: line"),
      issueForm,
      '/body/0 value of tag "type" must be in oneOf',
    ],
    ["a repeated key", `${form}name: Again`, issueForm, "Map keys must be unique"],
    ["an empty file", "", issueConfig, "/ must be object"],
    [
      "an unknown interval",
      updates.replace("weekly", "often"),
      dependabot,
      "/updates/0/schedule/interval must be equal to one of the allowed values: daily, weekly, monthly",
    ],
    ["JSON that is cut off", container.slice(0, -2), devcontainer, "Flow map must end with a }"],
  ];
  for (const [name, text, schema, fault] of cases) {
    it(`finds ${name}`, () => {
      const found = [...findFaults(text, schema)];
      assertEquals(found.filter((line) => line.includes(fault)).length, 1, `Found: ${found.join("\n")}`);
    });
  }
});

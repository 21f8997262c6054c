/**
 * JSON schemas of the parts of the formats of GitHub and development containers that this repository uses. They allow
 * no other keys, so that a misspelt key is found; add a valid key here when a file first uses it.
 */
import type { AnySchemaObject } from "ajv";

const text: AnySchemaObject = { type: "string", minLength: 1 };
const flag: AnySchemaObject = { type: "boolean" };
const texts: AnySchemaObject = { type: "array", items: text, minItems: 1, uniqueItems: true };

/** Schema of an object with required and optional properties, and no others. */
function object(
  required: Readonly<Record<string, AnySchemaObject>>,
  optional: Readonly<Record<string, AnySchemaObject>> = {},
): AnySchemaObject {
  return {
    type: "object",
    required: Object.keys(required),
    properties: { ...required, ...optional },
    additionalProperties: false,
  };
}

const label = { label: text };
const hints = { description: text, value: text, placeholder: text };

/** https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema */
const attributes: Readonly<Record<string, AnySchemaObject>> = {
  markdown: object({ value: text }),
  input: object(label, hints),
  textarea: object(label, { ...hints, render: text }),
  dropdown: object({ ...label, options: texts }, { description: text, multiple: flag, default: { type: "integer" } }),
  checkboxes: object(
    { ...label, options: { type: "array", items: object(label, { required: flag }), minItems: 1 } },
    { description: text },
  ),
};

const formElement: AnySchemaObject = {
  type: "object",
  discriminator: { propertyName: "type" },
  required: ["type"],
  oneOf: Object.entries(attributes).map(([type, attributes]) =>
    object(
      { type: { const: type }, attributes },
      { id: { type: "string", pattern: "^[A-Za-z0-9_-]+$" }, validations: object({}, { required: flag }) },
    )
  ),
};

export const issueForm: AnySchemaObject = object(
  { name: text, description: text, body: { type: "array", items: formElement, minItems: 1 } },
  { title: text, labels: texts, assignees: texts },
);

export const issueConfig: AnySchemaObject = object(
  { blank_issues_enabled: flag },
  { contact_links: { type: "array", items: object({ name: text, url: text, about: text }) } },
);

const updateTypes: AnySchemaObject = {
  type: "array",
  items: { enum: ["version-update:semver-major", "version-update:semver-minor", "version-update:semver-patch"] },
};

/** https://docs.github.com/en/code-security/dependabot/working-with-dependabot/dependabot-options-reference */
const update: AnySchemaObject = object(
  {
    "package-ecosystem": { enum: ["npm", "github-actions", "devcontainers"] },
    directory: { type: "string", pattern: "^/" },
    schedule: object({ interval: { enum: ["daily", "weekly", "monthly"] } }),
  },
  {
    groups: {
      type: "object",
      additionalProperties: object({}, {
        patterns: texts,
        "dependency-type": { enum: ["development", "production"] },
      }),
    },
    ignore: {
      type: "array",
      items: object({ "dependency-name": text }, { versions: texts, "update-types": updateTypes }),
    },
  },
);

export const dependabot: AnySchemaObject = object({
  version: { const: 2 },
  updates: { type: "array", items: update, minItems: 1 },
});

/** https://containers.dev/implementors/json_reference/ */
export const devcontainer: AnySchemaObject = object(
  { image: text, postCreateCommand: text },
  { name: text, features: { type: "object" }, customizations: { type: "object" } },
);

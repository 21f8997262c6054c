/** Finds tests that one of the three test runners does not run or count, without a warning. */
import ts from "typescript";
import type { Gate } from "./gate.ts";
import { findSources, parse, position, walk } from "./source.ts";

export const tests: Gate = {
  name: "tests",
  run({ problem }) {
    for (const path of findSources("tests").filter((path) => path.endsWith(".test.ts"))) {
      for (const fault of findUncounted(parse(path))) problem(fault);
    }
  },
};

/** Finds such tests, each with its position and the reason. */
export function* findUncounted(file: ts.SourceFile): Generator<string> {
  for (const node of walk(file)) {
    const fault = ts.isCallExpression(node) && findFault(node);
    if (fault) yield `${position(node)} ${fault}`;
  }
}

function findFault({ expression, arguments: args }: ts.CallExpression): string | undefined {
  const callee = expression.getText();
  if (/^(describe|suite|it|test)\.only$/.test(callee)) return `${callee}: only Deno respects it`;
  if (/^(t|context)\.skip$/.test(callee)) return `${callee}: Deno counts it as passed, use the option "skip"`;
  if (/^(t|context)\.test$/.test(callee)) return `${callee}: Bun does not count it, use describe and it`;
  if (/^(describe|suite|behaviour)(\.\w+)?$/.test(callee) && args.some(isAsync)) {
    return `${callee} with an async function: Deno drops the tests that come after an await`;
  }
  return undefined;
}

function isAsync(node: ts.Expression): boolean {
  return (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) &&
    (node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) ?? false);
}

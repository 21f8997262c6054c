import { threadGlobalsKey } from "../context/thread_globals.ts";

/**
 * Creates the code that a thread starts with: it imports the module, whose first task for threads makes a copy of the
 * library take orders (`serve.ts`). Otherwise it reports `streaq:unready`, with the error if the import failed.
 *
 * The code is text, since a thread can be started neither from a TypeScript file, on Node, nor from an https: URL, on Deno,
 * nor, in a bundle, from a file of the library. A module can be imported in all of these cases. Until the import finishes a
 * timer keeps the thread alive: Node would end a thread that has nothing else to wait for.
 *
 * @param tsx The URL of the module that lets the thread import TypeScript; `undefined` if it needs none.
 */
export function bootstrap(module: string, tsx: string | undefined): URL {
  const code = `import { parentPort, workerData } from "node:worker_threads";
let failure;
const alive = setInterval(() => {}, 2 ** 30);
try {
  ${tsx === undefined ? "" : `(await import(${JSON.stringify(tsx)})).register();`}
  await import(${JSON.stringify(module)});
} catch (error) {
  failure = { ...describe(error), code: String(error?.code) };
} finally {
  clearInterval(alive);
}
if (!workerData[${
    JSON.stringify(threadGlobalsKey)
  }].isListening) parentPort.postMessage({ kind: "streaq:unready", failure });

function describe(error, depth = 0) {
  if (typeof error?.message !== "string") return { name: "Error", message: "Thrown: " + String(error) };
  const { name, message, stack, cause } = error;
  const described = { name: String(name), message: shorten(message), stack: shorten(stack ?? message) };
  return cause === undefined || depth > 7 ? described : { ...described, cause: describe(cause, depth + 1) };
}

function shorten(text) {
  return String(text).replace(/data:text.javascript,\\S*/g, "streaq-thread");
}
`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

import v8 from "node:v8";
import vm from "node:vm";

/** Runs the garbage collector of the runtime. Callbacks for what it has collected follow in a later turn. */
export const collectGarbage: () => void = findCollector();

function findCollector(): () => void {
  const { Bun: bun, gc } = globalThis as { Bun?: { gc(isSynchronous: boolean): void }; gc?: () => void };
  if (bun) return () => bun.gc(true);
  if (gc) return gc;
  v8.setFlagsFromString("--expose-gc");
  // The flag concerns only contexts that are created from now on.
  return vm.runInNewContext("gc");
}

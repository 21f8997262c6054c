import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Stage } from "./stage.ts";

const stage = new Stage();
const library = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

describe("streaq run --reload", () => {
  it("restarts when a file changes, also after a module that cannot be loaded", async () => {
    const folder = mkdtempSync(join(tmpdir(), "streaq-reload-"));
    const module = join(folder, "worker.ts");
    const write = (answer: string): void => {
      const code = `import { Worker } from ${library};
        export const worker = new Worker({ redisUrl: "${stage.redisUrl}", queueName: "cli" });
        worker.task(function answer() { return ${answer}; });`;
      writeFileSync(module, code);
    };
    try {
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      write('"one"');
      await using command = stage.run(module, "--reload");
      await command.prints(/starting worker/);
      assertEquals(await stage.call("answer"), "one");

      write('"not closed');
      await command.prints(/worker\.ts changed, restarting/);
      await command.prints(/streaq: Cannot load [^]*waiting for a file to change/);

      write('"three"');
      await command.prints(/starting worker/, 2);
      assertEquals(await stage.call("answer"), "three");

      command.signal("SIGINT");
      assertEquals(await command.exited, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

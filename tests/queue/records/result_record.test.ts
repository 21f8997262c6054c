import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { packResult, writeSuccess } from "../../../src/queue/records/result_record.ts";

describe("writeSuccess()", () => {
  const fields = {
    taskId: 'order-"17"\u2028é',
    fnName: 'a "name"\n',
    createdTime: 1795445182914,
    enqueueTime: 0,
    startTime: 1e21,
    finishTime: 1795445182915.5,
    tries: 3,
    workerId: "5b7c21aa",
  };

  it("writes the same text as JSON.stringify() does for the packed record", () => {
    for (const value of [null, 1, "é \ud800 \u2028", [1, { a: "}" }], { "": [] }]) {
      for (const dependencies of [[], ["one", 'two"']]) {
        assertEquals(
          writeSuccess(fields, JSON.stringify(value), dependencies),
          JSON.stringify(packResult(fields, true, value, dependencies)),
        );
      }
    }
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { kwargs } from "../../../mod.ts";
import { StreaqError } from "../../../src/base/errors.ts";
import { jsonSerializer } from "../../../src/queue/records/json_serializer.ts";
import { RecordCodec } from "../../../src/queue/records/record_codec.ts";
import { richSerializer } from "../../../src/queue/records/rich_serializer.ts";
import type { Serializer } from "../../../src/queue/records/serializer.ts";
import { packTask } from "../../../src/queue/records/task_record.ts";
import { behaviour } from "../behaviour.ts";

const custom: Serializer = {
  serialize: (value) => new TextEncoder().encode(JSON.stringify(value)),
  deserialize: (data) => JSON.parse(new TextDecoder().decode(data)),
};

behaviour("enqueue()", (stage) => {
  for (
    const [what, options] of Object.entries({
      "JSON": {},
      "signed JSON": { signingSecret: "s3cret" },
      "richSerializer": { serializer: richSerializer },
      "a serializer of one's own": { serializer: custom },
    })
  ) {
    it(`serialises its arguments at once, with ${what}`, async () => {
      const worker = await stage.worker(options);
      const seen: unknown[] = [];
      const note = worker.task((...args: unknown[]) => void seen.push(args), { name: "note" });
      const order = { lines: [1], note: "" };
      const requests = [
        note.enqueue(order),
        note.enqueue(order).start({ id: "later" }),
        worker.enqueueUnsafe("note", kwargs(order)),
      ];
      const piped = note.enqueue(order).pipe(note as never, order);
      order.lines.push(2);
      order.note = "changed";
      await worker.enqueueMany(requests);
      await piped;
      await worker.run({ burst: true });
      const expected = { lines: [1], note: "" };
      // The task that the other one is piped into takes only the named arguments, or also `null`.
      assertEquals(seen.slice(0, 4), [[expected], [expected], [expected], [expected]]);
      assertEquals((seen[4] as unknown[]).at(-1), expected);
    });
  }

  it("takes a due time and dependencies as they are when start() is called", async () => {
    const worker = await stage.worker();
    const note = worker.task((_value: unknown) => {}, { name: "note" });
    const first = await note.enqueue(1);
    const schedule = new Date("2100-01-01T00:00:00Z");
    const after = [first.id];
    const requests = [note.enqueue(2).start({ schedule }), note.enqueue(3).start({ after })] as const;
    schedule.setTime(NaN);
    after[0] = "unknown";
    const [later, dependent] = await worker.enqueueMany(requests);
    assertEquals((await later.info())?.scheduled, new Date("2100-01-01T00:00:00Z"));
    assertEquals((await dependent.info())?.dependencies, new Set([first.id]));
  });

  it("rejects with the stack of its caller when its arguments cannot be serialised", async () => {
    const worker = await stage.worker();
    const note = worker.task((_value: unknown) => {}, { name: "note" });
    // Not in tail calls, whose callers Bun removes from the stack.
    function checkOut() {
      const request = note.enqueue({ when: new Date(0) });
      assert(request);
      return request;
    }
    function pipeOut() {
      const request = note.enqueue(1).pipe(note as never, { when: new Date(0) });
      assert(request);
      return request;
    }
    for (const [caller, message] of [[checkOut, "args[0].when"], [pipeOut, "kwargs.when"]] as const) {
      const request = caller();
      assertEquals(await request.status(), "missing");
      for (const send of [() => request, () => request]) {
        const error = await assertRejects(async () => await send(), StreaqError, "Cannot serialise the arguments of");
        assertStringIncludes(error.message, message);
        assertStringIncludes(error.stack!, caller.name);
      }
    }
    const error = await assertRejects(() => worker.enqueueMany([note.enqueue(1), checkOut()]), StreaqError);
    assertStringIncludes((error.cause as Error).stack!, "checkOut");
    assertEquals(await worker.queueSize(), 0);
  });

  it("refuses the request of another queue in enqueueMany()", async () => {
    const [worker, other] = [await stage.worker(), await stage.worker()];
    const note = other.task((_value: unknown) => {}, { name: "note" });
    await assertRejects(() => worker.enqueueMany([note.enqueue(1)]), StreaqError, other.queueName);
  });
});

describe("Draft.encode()", () => {
  const calls = [
    { fnName: "f", args: [1, "ü", { a: null, u: undefined }], kwargs: {}, expire: null },
    { fnName: 'quo"ted', args: [], kwargs: { k: -0, "\ud83d\ude00": [[]] }, expire: 1500 },
    { fnName: "f", args: [undefined, 2, undefined].slice(1), kwargs: {}, expire: 0 },
  ];
  const fields = [
    { createdTime: 1.5 },
    { createdTime: 1_700_000_000_000, previous: 'p"', next: "n", dependencies: ["a", "b"] },
  ];

  for (const signingSecret of [undefined, "s3cret"]) {
    it(`makes the record that serialising it as a whole makes${signingSecret ? ", signed" : ""}`, () => {
      const codec = new RecordCodec({ serializer: jsonSerializer, maxPayload: 10_000, signingSecret });
      for (const call of calls) {
        for (const late of fields) {
          const data = codec.template(call).draft(call).encode('i"d', late);
          assertEquals(data, codec.encodeTask('i"d', { ...call, ...late }));
          if (signingSecret) continue;
          const args = call.args.filter((argument) => argument !== undefined);
          assert(data === jsonSerializer.serialize(packTask('i"d', { ...call, ...late, args })));
        }
      }
    });
  }
});

describe("Draft.isSafe()", () => {
  const template = (maxPayload: number, options = {}) => {
    const codec = new RecordCodec({ serializer: jsonSerializer, maxPayload, ...options });
    return codec.template({ fnName: '\u0001"', expire: 60_000 });
  };

  it("is true only for records that fit, and for all that are much smaller than the limit", () => {
    const ids = ["x", '"'.repeat(40), "\u0001".repeat(40), "ü".repeat(40), "\u{1f600}".repeat(20)];
    const seen = { safe: 0, refused: 0 };
    for (let maxPayload = 50; maxPayload < 3000; maxPayload += 25) {
      const draft = template(maxPayload).draft({ args: ["ü".repeat(20), '"'], kwargs: {} });
      for (const id of ids) {
        const encode = () => draft.encode(id, { createdTime: Number.MAX_SAFE_INTEGER });
        if (draft.isSafe(id)) {
          seen.safe++;
          assert(encode().length <= maxPayload);
        } else if (maxPayload < 100) {
          seen.refused++;
          assertThrows(encode, StreaqError, "maxPayload");
        }
      }
    }
    assert(seen.safe > 100 && seen.refused > 5);
  });

  it("is false for arguments that could not be serialised, and for other serializers", () => {
    assert(template(10_000).draft({ args: [1], kwargs: {} }).isSafe("id"));
    assert(!template(10_000).draft({ args: [new Date(0)], kwargs: {} }).isSafe("id"));
    assert(!template(10_000, { serializer: custom }).draft({ args: [1], kwargs: {} }).isSafe("id"));
  });
});

describe("DraftTemplate.draft()", () => {
  it("never quotes the arguments that its serializer cannot read again", () => {
    const serializer = { ...custom, deserialize: (data: Uint8Array) => JSON.parse(`secret ${data}`) };
    const draft = new RecordCodec({ serializer, maxPayload: 1000 }).template({
      fnName: "f",
      expire: null,
    }).draft({ args: ["secret"], kwargs: {} });
    const error = assertThrows(() => draft.encode("id", { createdTime: 1 }), StreaqError, "cannot deserialise");
    assert(!error.message.includes("secret"));
  });
});

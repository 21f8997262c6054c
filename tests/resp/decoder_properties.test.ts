import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/resp/errors.ts";
import { anyChunks, anyGarbage, anyMessage } from "./arbitrary.ts";
import { decode, type Decoded } from "./decode.ts";
import { encodeReply, expectedReply, type Message } from "./encode_reply.ts";
import { showReply } from "./show_reply.ts";

describe("Decoder.push()", () => {
  it("decodes every value, wherever the chunks end", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 5 }), fc.boolean(), anyChunks, (messages, binary, chunks) => {
        const wire = Buffer.concat(messages.map(encodeReply));
        const { shown, error, asked, idle } = decode(wire, { binary, chunks });
        assertEquals(error, undefined);
        assertEquals(shown, messages.map((message) => showMessage(message, binary)));
        assertEquals(asked, messages.filter(({ type }) => type !== "push").length);
        assert(idle);
      }),
      { numRuns: 1000 },
    );
  });

  it("throws only ProtocolError for garbage, wherever the chunks end", () => {
    fc.assert(
      fc.property(anyGarbage, fc.boolean(), anyChunks, (bytes, binary, chunks) => {
        assertSameOutcome(decode(bytes, { binary }), decode(bytes, { binary, chunks }));
      }),
      { numRuns: 3000 },
    );
  });

  it("throws only ProtocolError for a reply with one byte changed, removed or added", () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from("0123456789-?\r\n*$"))),
      remove: fc.nat({ max: 1 }),
      add: fc.nat({ max: 1 }),
    });
    fc.assert(
      fc.property(anyMessage, change, anyChunks, (message, { at, byte, remove, add }, chunks) => {
        const bytes = [...encodeReply(message)];
        bytes.splice(at % bytes.length, remove, ...[byte].slice(0, add));
        const wire = Uint8Array.from(bytes);
        assertSameOutcome(decode(wire), decode(wire, { chunks }));
      }),
      { numRuns: 2000 },
    );
  });
});

function showMessage(message: Message, binary: boolean): string {
  return `${message.type === "push" ? "push " : ""}${showReply(expectedReply(message, binary))}`;
}

/** Compares one chunk with several. With several, an error may be still to come, as its line is not complete. */
function assertSameOutcome(whole: Decoded, cut: Decoded): void {
  assertEquals(cut.shown, whole.shown);
  for (const { error } of [whole, cut]) if (error !== undefined) assertInstanceOf(error, ProtocolError);
  if (whole.error === undefined) {
    assertEquals(cut.error, undefined);
    assertEquals(cut.idle, whole.idle);
  } else {
    assert(cut.error !== undefined || !cut.idle);
  }
}

import { describe, expect, it } from "vitest";

import { EventParser } from "./sse";

const STREAM = 'event: sources\ndata: {"a":1}\n\n: keep-alive\n\nevent: delta\r\ndata: é 1\r\ndata: 2\r\n\r\ndata: plain\n\n';
const EXPECTED = [
  { event: "sources", data: '{"a":1}' },
  { event: "delta", data: "é 1\n2" },
  { event: "message", data: "plain" },
];

describe("EventParser", () => {
  it("reads a whole stream", () => {
    expect(new EventParser().push(STREAM)).toEqual(EXPECTED);
  });

  it("gives the same events wherever the stream is cut", () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const parser = new EventParser();
      expect([...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))]).toEqual(EXPECTED);
    }
    const parser = new EventParser();
    expect([...STREAM].flatMap((character) => parser.push(character))).toEqual(EXPECTED);
  });

  it("keeps what is not complete for later", () => {
    expect(new EventParser().push("event: delta\ndata: x\n")).toEqual([]);
  });
});

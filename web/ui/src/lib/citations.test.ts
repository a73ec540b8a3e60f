import { expect, it } from "vitest";

import type { Citation } from "./api/shapes";
import { named, pieces, slice } from "./citations";

const citation = (marker: number): Citation => ({
  marker,
  quote: "q",
  verified: true,
  document: "d",
  revision: "r",
  title: "t",
  file_name: "t.txt",
  media_type: "text/plain",
  page: null,
  char_start: 0,
  char_end: 1,
  boxes: [],
});

it("splits a text at the markers it has citations for", () => {
  const [one, two] = [citation(1), citation(2)];
  expect(pieces("A. [1] B [9]. [2]", [one, two])).toEqual([
    { text: "A." },
    { citation: one },
    { text: " B [9]." },
    { citation: two },
  ]);
  expect(pieces("plain", [])).toEqual([{ text: "plain" }]);
});

it("counts characters as the API does", () => {
  expect(slice("a😀bc", 1, 3)).toBe("😀b");
});

it("names a document by its title and its file", () => {
  expect(named({ title: "Minutes", file_name: "may.pdf" }, 2, "p.")).toBe("Minutes, p. 2 · may.pdf");
  expect(named({ title: "note.txt", file_name: "note.txt" }, null, "p.")).toBe("note.txt");
});

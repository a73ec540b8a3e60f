import { expect, it } from "vitest";

import { rows } from "./table";

const texts = (text: string): string[][] => rows(text, 0).map((row) => row.map((cell) => cell.text));

it("keeps empty cells where they are", () => {
  expect(texts("a | b | c")).toEqual([["a", "b", "c"]]);
  expect(texts("| ROOT | | | x")).toEqual([["", "ROOT", "", "", "x"]]);
  expect(texts("a | | c\n1 | 2 |")).toEqual([["a", "", "c"], ["1", "2", ""]]);
  expect(texts("one|two | three")).toEqual([["one|two", "three"]]);
});

it("says where each cell stands, in code points", () => {
  const text = "| 🍇 b | c\nd | | e";
  const characters = [...text];
  for (const cell of rows(text, 10).flat()) {
    const start = cell.start - 10;
    expect(characters.slice(start, start + [...cell.text].length).join("")).toBe(cell.text);
  }
});

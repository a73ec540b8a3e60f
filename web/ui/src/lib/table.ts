// Tables of the revision's text: rows are lines, cells stand between bars, and may be empty.

export type Cell = { text: string; start: number };

/** A bar that parts cells has a space or the row's edge on both sides; others belong to a cell's text. */
const BAR = /(?:^|(?<= ))\|(?= |$)/g;

/** Rows with the place of each cell; `start` is that of the first character, in code points. */
export function rows(text: string, start: number): Cell[][] {
  return text.split("\n").map((row) => {
    const cells: Cell[] = [];
    let from = 0;
    const cell = (end: number): void => {
      const raw = row.slice(from, end);
      const before = row.slice(0, from + raw.length - raw.trimStart().length);
      cells.push({ text: raw.trim(), start: start + [...before].length });
    };
    for (const bar of row.matchAll(BAR)) {
      cell(bar.index);
      from = bar.index + 1;
    }
    cell(row.length);
    start += [...row].length + 1;
    return cells;
  });
}

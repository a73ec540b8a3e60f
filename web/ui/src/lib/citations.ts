// From an answer's text with markers to pieces that can be shown.

import type { Citation } from "./api/shapes";

export type Piece = { text: string } | { citation: Citation };

/** Splits "A sentence. [1]" at its markers. Markers without a citation stay text. */
export function pieces(text: string, citations: Citation[]): Piece[] {
  const found: Piece[] = [];
  let rest = 0;
  for (const match of text.matchAll(/\s*\[(\d+)\]/g)) {
    const citation = citations.find((candidate) => candidate.marker === Number(match[1]));
    if (!citation) continue;
    if (match.index > rest) found.push({ text: text.slice(rest, match.index) });
    found.push({ citation });
    rest = match.index + match[0].length;
  }
  if (rest < text.length) found.push({ text: text.slice(rest) });
  return found;
}

/** Offsets of the API count code points; JavaScript's count UTF-16 units. */
export function slice(text: string, charStart: number, charEnd: number): string {
  return [...text].slice(charStart, charEnd).join("");
}

export function viewerHash(id: string, charStart: number, charEnd: number): string {
  return `#/document/${id}?char_start=${charStart}&char_end=${charEnd}`;
}

/** Which document a quote is from: titles repeat ("Minutes"), file names tell them apart. */
export function named(of: { title: string; file_name: string }, page: number | null, pageShort: string): string {
  const place = page === null ? of.title : `${of.title}, ${pageShort} ${page}`;
  return of.title === of.file_name ? place : `${place} · ${of.file_name}`;
}

// What a removal took away and what remains, in words.

import type { Receipt } from "./api/shapes";
import type { Words } from "./words";

/** Places that a person can do something about, or should know of, in the order in which they are told. */
const PLACES = ["source_items", "originals", "answers", "lexical_segments", "dense_files", "database_files", "memory"] as const;

/** One sentence for each place in which something may remain; places without a sentence of their own share one. */
export function remains(receipt: Receipt, words: Words): string[] {
  const left = receipt.places.filter((place) => !place.gone).map((place) => place.place);
  const told = PLACES.filter((place) => left.includes(place)).map((place) => words[`remains_${place}`]);
  const others = left.filter((place) => !(PLACES as readonly string[]).includes(place));
  if (others.length > 0) told.push(words.remains_elsewhere.replace("{places}", others.join(", ")));
  if (receipt.backups.length > 0) told.push(words.remains_backups.replace("{count}", String(receipt.backups.length)));
  return told;
}

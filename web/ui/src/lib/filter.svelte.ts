// What searches and questions are narrowed to. Shared: what is chosen while searching holds for questions too.

import type { FacetValue, Facets, Filter } from "./api/shapes";
import type { Words } from "./words";

/** Properties whose values are chosen from a list: as facets name them, and as a filter does. */
export const LISTS = { type: "types", language: "languages", source: "sources", author: "authors" } as const;
export type Listed = keyof typeof LISTS;
export const LISTED = Object.keys(LISTS) as Listed[];

/** One thing that the filter asks for, and the filter without it. */
export interface Chosen {
  property: Listed | "year" | "added";
  value: string;
  without: Filter;
}

export function isEmpty(filter: Filter): boolean {
  return chosen(filter).length === 0;
}

export function toggled(filter: Filter, property: Listed, value: string): Filter {
  const key = LISTS[property];
  const before = filter[key] ?? [];
  const values = before.includes(value) ? before.filter((known) => known !== value) : [...before, value];
  return tidy({ ...filter, [key]: values });
}

/** Ends that are empty are left open. */
export function ranged(filter: Filter, property: "year" | "added", from: string, to: string): Filter {
  if (property === "added") return tidy({ ...filter, added: { from: from || null, to: to || null } });
  const year = (text: string): number | null => (/^-?\d{1,6}$/.test(text.trim()) ? Number(text) : null);
  return tidy({ ...filter, year: { from: year(from), to: year(to) } });
}

export function chosen(filter: Filter): Chosen[] {
  const listed = LISTED.flatMap((property) =>
    (filter[LISTS[property]] ?? []).map((value): Chosen => ({ property, value, without: toggled(filter, property, value) })),
  );
  const ranges = (["year", "added"] as const).flatMap((property): Chosen[] => {
    const { from = null, to = null } = filter[property] ?? {};
    if (from === null && to === null) return [];
    const value = from === to ? String(from) : `${from ?? "…"} – ${to ?? "…"}`;
    return [{ property, value, without: ranged(filter, property, "", "") }];
  });
  return [...listed, ...ranges];
}

/** The values that can be chosen, with those that are chosen and that nothing has any more. */
export function offered(facets: Facets | null, filter: Filter, property: Listed): FacetValue[] {
  const counted = facets?.[property] ?? [];
  const missing = (filter[LISTS[property]] ?? []).filter((value) => counted.every((known) => known.value !== value));
  return [...counted, ...missing.map((value) => ({ value, documents: 0 }))];
}

/** As people call a value. */
export function label(property: Chosen["property"], value: string, words: Words, language: string): string {
  if (property === "type") return (words as Record<string, string>)[`type_${value}`] ?? value;
  if (property === "source" && value === "upload") return words.upload;
  if (property === "language" && value === "und") return words.otherLanguages;
  if (property === "language") return new Intl.DisplayNames([language], { type: "language" }).of(value) ?? value;
  return value;
}

function tidy(filter: Filter): Filter {
  const kept = Object.entries(filter).filter(([, value]) =>
    Array.isArray(value) ? value.length > 0 : Object.values(value ?? {}).some((end) => end !== null),
  );
  return Object.fromEntries(kept);
}

class Narrowing {
  filter = $state<Filter>({});
}

export const narrowing = new Narrowing();

// Whom lists name, and why somebody may read a document, as people write and read it.

import type { Decision, User } from "./api/access";
import { filled, type Words } from "./words";

/** Names with commas between. A name that has a comma itself stands in quotation marks. */
export function groupsOf(text: string): string[] {
  const found = [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)/g)];
  const names = found.map(([, quoted, plain]) => (quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"')).trim());
  return [...new Set(names.filter(Boolean))];
}

export function groupsText(groups: string[]): string {
  return groups.map((name) => (/^"|,/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(", ");
}

/** Every reader that is known: whoever is let in, the users, and the groups that somebody is in. */
export function readersOf(users: User[]): string[] {
  const groups = [...new Set(users.flatMap((user) => user.groups))].sort();
  return ["public", ...users.map((user) => `user:${user.name}`), ...groups.map((name) => `group:${name}`)];
}

/** A name by itself stands for the one reader that has it; anything else is sent as it was written. */
export function asReader(text: string, known: string[]): string {
  const written = text.trim();
  if (known.includes(written)) return written;
  const named = known.filter((reader) => reader.slice(reader.indexOf(":") + 1) === written);
  return named.length === 1 ? named[0]! : written;
}

export function readerLabel(reader: string, words: Words): string {
  if (reader === "public") return words.readerPublic;
  const name = reader.slice(reader.indexOf(":") + 1);
  return filled(reader.startsWith("group:") ? words.readerGroup : words.readerUser, { name });
}

/** What a collection's list means. */
export function collectionMeaning(readers: string[], words: Words): string {
  if (readers.length === 0) return words.collectionClosed;
  return readers.includes("public") ? words.collectionPublic : words.collectionListed;
}

/** A collection's list, where a document of it is shown. */
export function collectionTold(collection: string, readers: string[], words: Words): string {
  const told = readers.map((reader) => readerLabel(reader, words)).join(", ");
  return filled(readers.length > 0 ? words.collectionTold : words.whyCollectionClosed, { collection, readers: told });
}

/** What a document's own list means; null if it has none. */
export function documentMeaning(readers: string[] | null, words: Words): string {
  if (readers === null) return words.documentOpen;
  if (readers.length === 0) return words.documentClosed;
  return readers.includes("public") ? words.documentPublic : words.documentListed;
}

/** The decision about a user: the answer first, then what each list does. */
export function decided(decision: Decision, name: string, words: Words): string[] {
  const { collection, collection_readers: listed, by_collection: by, document_readers: own, by_document: byOwn } = decision;
  const say = (text: string, readers: string[] = []): string =>
    filled(text, { name, collection, readers: readers.map((reader) => readerLabel(reader, words)).join(", ") });
  const told = [say(decision.may_read ? words.mayRead : words.mayNotRead)];
  if (by.length > 0) told.push(say(words.whyCollection, by));
  else told.push(say(listed.length > 0 ? words.whyNotCollection : words.whyCollectionClosed, listed));
  if (own === null) told.push(say(words.whyNoOwnList));
  else if (own.length === 0) told.push(say(words.whyDocumentClosed));
  else if (!byOwn?.length) told.push(say(words.whyNotDocument, own));
  // It lets nobody in whom the collection shuts out.
  else told.push(say(by.length > 0 ? words.whyDocument : words.whyOnlyNarrows, byOwn));
  return told;
}

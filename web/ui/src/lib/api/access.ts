// Who may read what: users with their groups and keys, and lists of readers.

import { json, post } from "./client";
import type { Page } from "./shapes";

export interface User {
  name: string;
  groups: string[];
}

export interface Key {
  id: string;
  user: string;
  label: string;
  created_at: string;
}

/** Why a user may read a document, or may not. */
export interface Decision {
  may_read: boolean;
  principal_is: string[];
  collection: string;
  collection_readers: string[];
  by_collection: string[];
  document_readers: string[] | null;
  by_document: string[] | null;
}

const put = (body: unknown): RequestInit => ({ ...post(body), method: "PUT" });

const userPath = (name: string): string => `/api/v1/users/${encodeURIComponent(name)}`;

export const users = (): Promise<Page<User>> => json("/api/v1/users");

/** Makes the user if there is none. */
export const setUser = (name: string, groups: string[]): Promise<User> => json(userPath(name), put({ groups }));

export const removeUser = (name: string): Promise<null> => json(userPath(name), { method: "DELETE" });

export const keys = (): Promise<Page<Key>> => json("/api/v1/keys");

/** The answer is the only place where the key itself stands. */
export const drawKey = (user: string, label: string): Promise<Key & { key: string }> => json("/api/v1/keys", post({ user, label }));

export const revokeKey = (id: string): Promise<null> => json(`/api/v1/keys/${id}`, { method: "DELETE" });

const collectionPath = (name: string): string => `/api/v1/collections/${encodeURIComponent(name)}/readers`;

const documentPath = (id: string): string => `/api/v1/documents/${id}/readers`;

export const collectionReaders = (name: string): Promise<{ readers: string[] }> => json(collectionPath(name));

/** Null: the document has no list of its own. */
export const documentReaders = (id: string): Promise<{ readers: string[] | null }> => json(documentPath(id));

export type Change = (readers: string[]) => string[];

// A list is replaced as a whole, so it is read again first: another person may have changed it meanwhile.

export async function changeCollection(name: string, change: Change): Promise<string[]> {
  const { readers } = await collectionReaders(name);
  return (await json<{ readers: string[] }>(collectionPath(name), put({ readers: change(readers) }))).readers;
}

/** A document without a list of its own gets one. */
export async function changeDocument(id: string, change: Change): Promise<string[] | null> {
  const { readers } = await documentReaders(id);
  const changed = change(readers ?? []);
  // Taken off a list that was given back meanwhile: an empty one would shut everybody out.
  if (readers === null && changed.length === 0) return null;
  return (await json<{ readers: string[] }>(documentPath(id), put({ readers: changed }))).readers;
}

/** Gives the document back to all who may read its collection. */
export const giveBack = (id: string): Promise<null> => json(documentPath(id), { method: "DELETE" });

export const why = (id: string, user: string): Promise<Decision> => json(`/api/v1/documents/${id}/why?${new URLSearchParams({ user })}`);

// Sources: what documents stay in step with.

import { json, post } from "./client";
import type { Page } from "./shapes";

export type SourceKind = "folder" | "site" | "git" | "bucket";

export interface SyncReport {
  id: string;
  state: "running" | "done" | "failed" | "stopped" | "interrupted";
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
  failed: number;
  failures: { item: string; code: string; message: string; hint: string }[];
  error: { code: string; message: string; hint: string } | null;
  started_at: string;
  finished_at: string | null;
}

export interface SourceItem {
  id: string;
  name: string;
  kind: SourceKind;
  collection: string;
  settings: Record<string, unknown>;
  interval_s: number;
  state: "active" | "paused" | "removing";
  next_sync_at: string | null;
  failures: number;
  documents: { ready: number; processing: number; failed: number };
  running_sync: SyncReport | null;
  last_sync: SyncReport | null;
}

export interface NewSource {
  kind: SourceKind;
  name?: string;
  collection: string;
  settings: Record<string, unknown>;
  interval_s: number;
}

export interface Checked {
  items: string[];
  more: boolean;
}

export const sources = (): Promise<Page<SourceItem>> => json("/api/v1/sources?limit=1000");

export const addSource = (source: NewSource): Promise<SourceItem> => json("/api/v1/sources", post(source));

export const checkSource = (source: NewSource): Promise<Checked> => json("/api/v1/sources/check", post(source));

/** `sync`, `stop`, `pause` or `resume`. */
export function tellSource(id: string, what: string): Promise<SourceItem> {
  return json(`/api/v1/sources/${id}/${what}`, post({}));
}

export function removeSource(id: string, documents: "remove" | "keep"): Promise<{ state: string }> {
  return json(`/api/v1/sources/${id}?documents=${documents}`, { method: "DELETE" });
}

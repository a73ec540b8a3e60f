// The shapes of the API, as /openapi.json describes them.

export interface Passport {
  name: string;
  role: string;
  architecture: string;
  licence: string;
  source: string;
  sha256: string;
  bytes: number;
  quantisation: string | null;
}

export interface Locator {
  page: number | null;
  heading_path: string[];
  char_start: number;
  char_end: number;
}

export interface PageBox {
  page: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PageSize {
  width: number;
  height: number;
}

export interface Passage {
  marker: number;
  chunk: string;
  document: string;
  revision: string;
  title: string;
  file_name: string;
  media_type: string;
  text: string;
  score: number;
  locator: Locator;
}

export interface Citation {
  marker: number;
  quote: string;
  verified: boolean;
  document: string;
  revision: string;
  title: string;
  file_name: string;
  media_type: string;
  page: number | null;
  char_start: number;
  char_end: number;
  boxes: PageBox[];
}

export interface Sources {
  id: string;
  /** The question with what it points back to, as it was looked for. */
  understood: string | null;
  passages: Passage[];
  model: Passport;
}

export interface Answer extends Sources {
  outcome: "answered" | "abstained";
  text: string;
  citations: Citation[];
  evidence: number;
  usage: { prompt_tokens: number; output_tokens: number };
  timings_ms: { search: number; first_event: number; total: number };
}

export type DocumentStatus = "queued" | "processing" | "ready" | "failed" | "cancelled";

export interface DocumentItem {
  id: string;
  collection: string;
  title: string | null;
  file_name: string;
  source_uri: string;
  source: string | null;
  authors: string[];
  year: number | null;
  doi: string | null;
  media_type: string | null;
  bytes: number;
  status: DocumentStatus;
  stage: string | null;
  progress: { done: number; total: number } | null;
  pages: number | null;
  chunks: number;
  language: string | null;
  error: { code: string; message: string; hint: string } | null;
  warnings: { code: string; message: string; page: number | null }[];
  created_at: string;
  updated_at: string;
}

export interface Queue {
  paused: boolean;
  queued: number;
  running: number;
  held: number;
  stages: Record<string, number>;
  finished_lately: number;
  remaining_s: number | null;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Collection {
  id: string;
  name: string;
  documents: number;
}

export interface Status {
  version: string;
  caller: { kind: "operator" | "user" | "anonymous"; name: string | null };
  documents: { total: number; ready: number; processing: number; failed: number; cancelled: number };
  chunks: number;
  models: { embed: Passport; generate: Passport | null };
}

export interface Hit extends Omit<Passage, "marker"> {
  lexical_rank: number | null;
  dense_rank: number | null;
  lexical_score: number | null;
  dense_score: number | null;
  rerank_score: number | null;
  language: string;
  highlights: [number, number][];
  /** Passages that say the same and are not listed by themselves. */
  copies: Copy[];
}

export type Copy = Pick<Hit, "chunk" | "document" | "title" | "file_name" | "locator">;

/** What a search is narrowed to: any of the values of a key, and every key. */
export interface Filter {
  types?: string[];
  languages?: string[];
  sources?: string[];
  authors?: string[];
  year?: { from: number | null; to: number | null };
  added?: { from: string | null; to: string | null };
}

export interface FacetValue {
  value: string;
  documents: number;
}

/** How many documents have each value. */
export type Facets = Record<"type" | "language" | "source" | "author" | "year", FacetValue[]>;

export interface TextBlock {
  kind: string;
  level: number | null;
  char_start: number;
  char_end: number;
  page: number | null;
}

export interface DocumentText {
  title: string | null;
  media_type: string;
  text: string;
  blocks: TextBlock[];
  pages: PageSize[];
}

export interface Boxes {
  page: number | null;
  boxes: PageBox[];
  pages: PageSize[];
}

/** What was found in one place after a removal; `found_after` is null where nobody could look. */
export interface ReceiptPlace {
  place: string;
  gone: boolean;
  found_before: number | null;
  found_after: number | null;
  remains_until: string | null;
}

export interface Receipt {
  receipt: string;
  document: string;
  removed_at: string;
  removed: { chunks: number; lexical: number; dense: number; blob: boolean };
  places: ReceiptPlace[];
  kept_for: string[];
  backups: string[];
}

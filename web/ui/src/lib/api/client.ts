// The service's API. Every failure becomes an ApiError with a hint for people.

import type { Answer, Boxes, Citation, Collection, DocumentItem, DocumentText, Facets, Filter, Hit, Page, Queue, Receipt, Sources, Status } from "./shapes";
import { eventsOf } from "./sse";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly code: string,
    /** The line at fault, from 1, of what was sent. */
    readonly line: number | null = null,
    /** The parameter at fault. */
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

function errorOf(body: unknown): ApiError {
  const error = (body as { error?: { message?: string; hint?: string; code?: string; line?: number; param?: string } } | null)?.error;
  return new ApiError(error?.message ?? "?", error?.hint ?? "", error?.code ?? "unreachable", error?.line ?? null, error?.param ?? null);
}

export async function json<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError("", "", "unreachable");
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw errorOf(body);
  return body as T;
}

export function post(body: unknown): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

export const status = (): Promise<Status> => json("/api/v1/status");

export const collections = (): Promise<Page<Collection>> => json("/api/v1/collections");

export function documents(filter: Record<string, string>): Promise<Page<DocumentItem>> {
  return json(`/api/v1/documents?${new URLSearchParams(filter)}`);
}

export const document_ = (id: string): Promise<DocumentItem> => json(`/api/v1/documents/${id}`);

export const documentText = (id: string): Promise<DocumentText> => json(`/api/v1/documents/${id}/text`);

export const contentUrl = (id: string): string => `/api/v1/documents/${id}/content`;

export function boxes(id: string, charStart: number, charEnd: number): Promise<Boxes> {
  return json(`/api/v1/documents/${id}/boxes?char_start=${charStart}&char_end=${charEnd}`);
}

export function removeDocument(id: string): Promise<Receipt> {
  return json(`/api/v1/documents/${id}`, { method: "DELETE" });
}

/** What a person does to the work on a document. */
export type DocumentAction = "pause" | "resume" | "cancel" | "retry";

export function act(id: string, action: DocumentAction): Promise<DocumentItem> {
  return json(`/api/v1/documents/${id}/${action}`, { method: "POST" });
}

export const queue = (): Promise<Queue> => json("/api/v1/queue");

export function steer(action: "pause" | "resume"): Promise<Queue> {
  return json(`/api/v1/queue/${action}`, { method: "POST" });
}

export interface SearchResult {
  hits: Hit[];
  took_ms: number;
  query_language: string;
  /** The words as they were looked for, where one had to be spelled otherwise. */
  corrected: string | null;
  /** What lexicons have beside the query's words. */
  expanded: string[];
  facets: Facets;
}

export function search(query: string, mode: string, collection: string | null, filter: Filter): Promise<SearchResult> {
  return json("/api/v1/search", post({ query, mode, collection, filter, facets: true, top_k: 20 }));
}

/** Of all documents that the filter lets through. */
export function facets(collection: string | null, filter: Filter): Promise<Facets> {
  return json(`/api/v1/facets?${new URLSearchParams({ collection: collection ?? "", filter: JSON.stringify(filter) })}`);
}

/** The best passage of each of the documents that are most similar. */
export const similar = (id: string): Promise<{ hits: Hit[] }> => json(`/api/v1/documents/${id}/similar`);

export interface AskHandlers {
  sources(sources: Sources): void;
  delta(text: string): void;
  citation(citation: Citation): void;
  done(answer: Answer): void;
}

/** Asks, and hands on the events as they arrive. Aborting the signal stops the model. */
export async function ask(
  question: string,
  options: { style: string; collection: string | null; filter: Filter; earlier: string[] },
  handlers: AskHandlers,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch("/api/v1/ask", { ...post({ question, ...options }), signal });
  if (!response.ok || !response.body) throw errorOf(await response.json().catch(() => null));
  for await (const { event, data } of eventsOf(response.body)) {
    const value = JSON.parse(data);
    if (event === "sources") handlers.sources(value);
    else if (event === "delta") handlers.delta(value.text);
    else if (event === "citation") handlers.citation(value);
    else if (event === "done") return handlers.done(value);
    else if (event === "failed") throw errorOf(value);
  }
  throw new ApiError("", "", "unreachable");
}

export interface Uploaded {
  document: string;
  status: "queued" | "duplicate";
}

/** Uploads one file; `progress` gets the share that has been sent. */
export function upload(file: File, path: string, progress: (share: number) => void): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("source_uri", `upload:${path}`);
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => progress(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => {
      const body = JSON.parse(request.responseText || "null");
      if (request.status === 202) resolve(body.items[0]);
      else reject(errorOf(body));
    };
    request.onerror = () => reject(new ApiError("", "", "unreachable"));
    request.open("POST", "/api/v1/documents");
    request.send(form);
  });
}

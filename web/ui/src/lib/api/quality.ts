// Index sets, and the questions that they are compared by.

import { json, post } from "./client";

export interface IndexSet {
  id: string;
  state: "in_use" | "beside" | "kept";
  model: string;
  chunk_tokens: number;
  built: number;
  documents: number;
  chunks: number;
  problem: string | null;
  created_at: string;
  used_at: string | null;
}

export interface IndexSets {
  items: IndexSet[];
  /** Embedding models that are installed. */
  models: string[];
}

export interface Quality {
  questions: number;
  "ndcg@10": number;
  "mrr@10": number;
  "recall@100": number;
}

export interface Comparison {
  in_use: Quality;
  other: Quality;
  languages: Record<string, { in_use: Quality; other: Quality }>;
  difference: { mean: number; better: number; worse: number; p: number };
  stale: number;
  verdict: "fit" | "worse" | "not_measured";
}

export interface EvaluationQuestion {
  id: string;
  document: string;
  title: string;
  question: string;
  quote: string;
  state: "proposed" | "confirmed";
}

/** Expressions of a collection that mean the same, as they were written. */
export interface Lexicon {
  lexicon: string;
  entries: number;
}

export const lexicon = (collection: string): Promise<Lexicon> => json(`/api/v1/collections/${encodeURIComponent(collection)}/lexicon`);

export const setLexicon = (collection: string, text: string): Promise<Lexicon> =>
  json(`/api/v1/collections/${encodeURIComponent(collection)}/lexicon`, { ...post({ lexicon: text }), method: "PUT" });

export const indexSets = (): Promise<IndexSets> => json("/api/v1/index-sets");

export const buildSet = (model: string, chunkTokens: number): Promise<IndexSet> =>
  json("/api/v1/index-sets", post({ model, chunk_tokens: chunkTokens }));

export const compareSet = (id: string): Promise<Comparison> => json(`/api/v1/index-sets/${id}/comparison`);

export const useSet = (id: string, force: boolean): Promise<IndexSet> => json(`/api/v1/index-sets/${id}/use`, post({ force }));

export const resumeSet = (id: string): Promise<IndexSet> => json(`/api/v1/index-sets/${id}/resume`, post({}));

export const dropSet = (id: string): Promise<null> => json(`/api/v1/index-sets/${id}`, { method: "DELETE" });

export const questions = (state: "proposed" | "confirmed"): Promise<{ items: EvaluationQuestion[] }> =>
  json(`/api/v1/evaluation/questions?state=${state}`);

export const proposeQuestions = (count: number): Promise<{ proposed: number }> => json("/api/v1/evaluation/proposals", post({ count }));

export const confirmQuestion = (id: string, question: string): Promise<null> =>
  json(`/api/v1/evaluation/questions/${id}/confirm`, post({ question }));

export const dropQuestion = (id: string): Promise<null> => json(`/api/v1/evaluation/questions/${id}`, { method: "DELETE" });

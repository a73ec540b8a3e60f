// One question and what has arrived of its answer.

import { ApiError, ask } from "./api/client";
import type { Answer, Citation, Filter, Sources } from "./api/shapes";

export class Turn {
  text = $state("");
  citations = $state<Citation[]>([]);
  sources = $state<Sources | null>(null);
  answer = $state<Answer | null>(null);
  failure = $state<unknown>(null);
  busy = $state(false);
  stopped = $state(false);
  private abort = new AbortController();

  constructor(
    readonly question: string,
    readonly options: { style: string; collection: string | null; filter: Filter; earlier: string[] },
  ) {}

  async run(): Promise<void> {
    this.text = "";
    this.citations = [];
    this.failure = null;
    this.stopped = false;
    this.busy = true;
    this.abort = new AbortController();
    try {
      await ask(
        this.question,
        this.options,
        {
          sources: (sources) => (this.sources = sources),
          delta: (text) => (this.text += text),
          citation: (citation) => this.citations.push(citation),
          done: (answer) => (this.answer = answer),
        },
        this.abort.signal,
      );
    } catch (error) {
      if (this.abort.signal.aborted) this.stopped = true;
      else this.failure = error instanceof ApiError ? error : new ApiError("", "", "unreachable");
    } finally {
      this.busy = false;
    }
  }

  stop(): void {
    this.abort.abort();
  }

  /** The answer with its citations written out, for the clipboard. */
  get plain(): string {
    const notes = this.citations.map((citation) => {
      const page = citation.page === null ? "" : `, p. ${citation.page}`;
      return `[${citation.marker}] ${citation.title}${page}: “${citation.quote}”`;
    });
    return [this.text, ...notes].join("\n");
  }
}

// Files on their way in, and what the service says of documents.

import { type ApiError, upload } from "./api/client";
import type { DocumentItem } from "./api/shapes";

export interface Sending {
  path: string;
  share: number;
  state: "sending" | "duplicate" | "failed";
  message: string;
}

export class Uploads {
  sending = $state<Sending[]>([]);
  private queue: { file: File; path: string }[] = [];
  private active = 0;

  constructor(private readonly added: () => void) {}

  add(files: { file: File; path: string }[]): void {
    this.queue.push(...files);
    while (this.active < 2 && this.queue.length > 0) void this.next();
  }

  private async next(): Promise<void> {
    const job = this.queue.shift();
    if (!job) return;
    this.active += 1;
    this.sending.push({ path: job.path, share: 0, state: "sending", message: "" });
    const shown = this.sending.at(-1) as Sending;
    try {
      const uploaded = await upload(job.file, job.path, (share) => (shown.share = share));
      if (uploaded.status === "duplicate") shown.state = "duplicate";
      else this.sending = this.sending.filter((other) => other.path !== job.path);
      this.added();
    } catch (error) {
      shown.state = "failed";
      shown.message = `${(error as ApiError).message} ${(error as ApiError).hint}`.trim();
    } finally {
      this.active -= 1;
      void this.next();
    }
  }
}

interface Handlers {
  update(item: DocumentItem): void;
  removed(id: string): void;
  /** Events were lost: ask for the list again. */
  missed(): void;
}

/** Follows the service's events until the returned function is called; the browser reconnects by itself. */
export function follow(handlers: Handlers): () => void {
  const source = new EventSource("/api/v1/events");
  let broken = false;
  source.addEventListener("document", (event) => handlers.update(JSON.parse(event.data)));
  source.addEventListener("removed", (event) => handlers.removed(JSON.parse(event.data).id));
  source.addEventListener("missed", () => handlers.missed());
  source.onerror = () => (broken = true);
  source.onopen = () => {
    if (broken) handlers.missed();
    broken = false;
  };
  return () => source.close();
}

// What a person fills in about a source, and how a source is told in a line.

import type { NewSource, SourceItem, SourceKind } from "./api/sources";

export interface Filled {
  kind: SourceKind;
  name: string;
  collection: string;
  interval: number;
  path: string;
  watch: boolean;
  urls: string;
  sitemaps: string;
  prefixes: string;
  url: string;
  branch: string;
  folder: string;
  service: "s3" | "webdav" | "sftp";
  bucket: string;
  endpoint: string;
  credentials: string;
  include: string;
  exclude: string;
}

export function empty(): Filled {
  return {
    kind: "folder", name: "", collection: "default", interval: 3600, path: "", watch: true, urls: "", sitemaps: "",
    prefixes: "", url: "", branch: "", folder: "", service: "s3", bucket: "", endpoint: "", credentials: "",
    include: "", exclude: "",
  };
}

/** As the API takes it: lines become lists, and what is empty is left out. */
export function asSource(filled: Filled): NewSource {
  const patterns = { include: lines(filled.include), exclude: lines(filled.exclude) };
  const given = (fields: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, text.trim()]).filter(([, text]) => text));
  const settings = {
    folder: { path: filled.path.trim(), watch: filled.watch },
    site: { urls: lines(filled.urls), sitemaps: lines(filled.sitemaps), prefixes: lines(filled.prefixes) },
    git: given({ url: filled.url, branch: filled.branch, folder: filled.folder, credentials: filled.credentials }),
    bucket: {
      service: filled.service,
      ...given({ bucket: filled.service === "s3" ? filled.bucket : "", folder: filled.folder, endpoint: filled.endpoint, credentials: filled.credentials }),
    },
  }[filled.kind];
  return {
    kind: filled.kind,
    ...given({ name: filled.name }),
    collection: filled.collection,
    settings: { ...settings, ...patterns },
    interval_s: filled.interval,
  };
}

function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** Where it is. */
export function place(source: SourceItem): string {
  const of = (name: string): string => {
    const value = source.settings[name];
    return Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "";
  };
  const parts = {
    folder: [of("path")],
    site: [of("urls") || of("sitemaps")],
    git: [of("url"), of("branch"), of("folder")],
    bucket: [of("service").toUpperCase(), of("bucket"), of("folder"), of("endpoint")],
  }[source.kind];
  return parts.filter(Boolean).join(" · ");
}

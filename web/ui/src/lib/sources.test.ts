import { expect, test } from "vitest";

import type { SourceItem } from "./api/sources";
import { asSource, empty, place } from "./sources";

test("lines become lists, and what is empty is left out", () => {
  const site = asSource({ ...empty(), kind: "site", urls: " https://docs.example/ \n\n", exclude: "*.zip\ndrafts/" });
  expect(site).toEqual({
    kind: "site", collection: "default", interval_s: 3600,
    settings: { urls: ["https://docs.example/"], sitemaps: [], prefixes: [], include: [], exclude: ["*.zip", "drafts/"] },
  });
  const bucket = asSource({ ...empty(), kind: "bucket", service: "webdav", bucket: "left over", credentials: " archive ", name: "A" });
  expect(bucket.settings).toEqual({ service: "webdav", credentials: "archive", include: [], exclude: [] });
  expect(bucket.name).toBe("A");
});

test("a source is told by its place", () => {
  const source = { kind: "git", settings: { url: "https://git.example/a.git", branch: null, folder: "docs" } } as unknown as SourceItem;
  expect(place(source)).toBe("https://git.example/a.git · docs");
});

import { expect, it } from "vitest";

import type { Receipt } from "./api/shapes";
import { remains } from "./receipts";
import { LANGUAGES } from "./words";

function receipt(left: string[], backups: string[] = []): Receipt {
  const place = (place: string, gone: boolean) => ({ place, gone, found_before: 1, found_after: gone ? 0 : null, remains_until: gone ? null : "x" });
  const places = [place("documents", true), ...left.map((name) => place(name, false))];
  return { receipt: "r", document: "d", removed_at: "", removed: { chunks: 1, lexical: 1, dense: 1, blob: true }, kept_for: [], backups, places };
}

it("tells what remains and not what is gone, in both languages", () => {
  for (const words of Object.values(LANGUAGES)) {
    expect(remains(receipt([]), words)).toEqual([]);
    expect(remains(receipt(["memory", "originals"]), words)).toEqual([words.remains_originals, words.remains_memory]);
    const told = remains(receipt(["chunks"], ["2026-01-01T00:00:00Z"]), words);
    expect(told).toHaveLength(2);
    expect(told[0]).toContain("chunks");
    expect(told[1]).toContain("1");
  }
});

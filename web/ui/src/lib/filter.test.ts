import { describe, expect, it } from "vitest";

import { chosen, isEmpty, label, offered, ranged, toggled } from "./filter.svelte";
import { LANGUAGES } from "./words";

describe("a filter", () => {
  it("takes a value and gives it back", () => {
    const two = toggled(toggled({}, "type", "pdf"), "type", "word");
    expect(two).toEqual({ types: ["pdf", "word"] });
    expect(toggled(two, "type", "pdf")).toEqual({ types: ["word"] });
    expect(toggled(toggled({}, "author", "Bo"), "author", "Bo")).toEqual({});
  });

  it("has ranges with one end or two", () => {
    expect(ranged({}, "year", "2019", "")).toEqual({ year: { from: 2019, to: null } });
    expect(ranged({ year: { from: 2019, to: null } }, "year", "", "")).toEqual({});
    expect(ranged({}, "year", "soon", "2020")).toEqual({ year: { from: null, to: 2020 } });
    expect(ranged({}, "added", "2024-01-01", "")).toEqual({ added: { from: "2024-01-01", to: null } });
  });

  it("says what it asks for, each with the filter without it", () => {
    const filter = { types: ["pdf"], authors: ["Bo", "Li"], year: { from: 2019, to: 2019 } };
    expect(chosen(filter).map(({ property, value }) => `${property} ${value}`)).toEqual(["type pdf", "author Bo", "author Li", "year 2019"]);
    expect(chosen(filter)[1]?.without).toEqual({ types: ["pdf"], authors: ["Li"], year: { from: 2019, to: 2019 } });
    expect(chosen(filter)[3]?.without).toEqual({ types: ["pdf"], authors: ["Bo", "Li"] });
    expect(isEmpty({})).toBe(true);
    expect(isEmpty(filter)).toBe(false);
  });

  it("keeps what is chosen in sight, though nothing has it", () => {
    const facets = { type: [{ value: "pdf", documents: 3 }], language: [], source: [], author: [], year: [] };
    expect(offered(facets, { types: ["web"] }, "type")).toEqual([{ value: "pdf", documents: 3 }, { value: "web", documents: 0 }]);
    expect(offered(null, {}, "type")).toEqual([]);
  });

  it("is told in the page's language", () => {
    expect(label("type", "sheet", LANGUAGES.fr, "fr")).toBe("Tableur");
    expect(label("language", "de", LANGUAGES.fr, "fr")).toBe("allemand");
    expect(label("source", "upload", LANGUAGES.en, "en")).toBe("Added by hand");
    expect(label("source", "Wiki", LANGUAGES.en, "en")).toBe("Wiki");
  });
});

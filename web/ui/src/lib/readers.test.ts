import { describe, expect, it } from "vitest";

import type { Decision } from "./api/access";
import { asReader, collectionMeaning, collectionTold, decided, documentMeaning, groupsOf, groupsText, readerLabel, readersOf } from "./readers";
import { LANGUAGES } from "./words";

const { en, fr } = LANGUAGES;

describe("groups", () => {
  it("are names with commas between", () => {
    expect(groupsOf(" staff, board ,, staff,")).toEqual(["staff", "board"]);
    expect(groupsOf("  ")).toEqual([]);
  });

  it("come back as they were written, whatever their names have", () => {
    for (const names of [["staff", "board"], ["Paris, rive gauche", "a"], ['"quoted"', 'half "quoted"'], ['"', ","], []]) {
      expect(groupsOf(groupsText(names))).toEqual(names);
    }
  });
});

describe("readers", () => {
  const known = readersOf([{ name: "anna", groups: ["staff", "board"] }, { name: "board", groups: ["board"] }]);

  it("are whoever is let in, the users and their groups", () => {
    expect(known).toEqual(["public", "user:anna", "user:board", "group:board", "group:staff"]);
  });

  it("may be written by name alone where one has it", () => {
    expect(asReader(" staff ", known)).toBe("group:staff");
    expect(asReader("public", known)).toBe("public");
    expect(asReader("user:anna", known)).toBe("user:anna");
    // Both a user and a group: the service says what it wants.
    expect(asReader("board", known)).toBe("board");
    expect(asReader("somebody", known)).toBe("somebody");
  });

  it("are told in words", () => {
    expect(["public", "user:a:b", "group:staff"].map((reader) => readerLabel(reader, en))).toEqual(["everybody who is let in", "user a:b", "group staff"]);
    expect(readerLabel("group:{name}", fr)).toBe("groupe {name}");
  });

  it("of a list say who may read", () => {
    expect([[], ["user:a"], ["user:a", "public"]].map((list) => collectionMeaning(list, en))).toEqual([en.collectionClosed, en.collectionListed, en.collectionPublic]);
    expect(collectionTold("default", ["public", "user:a"], en)).toBe("The list of the collection default: everybody who is let in, user a.");
    expect([null, [], ["user:a"], ["public"]].map((list) => documentMeaning(list, en))).toEqual([en.documentOpen, en.documentClosed, en.documentListed, en.documentPublic]);
  });
});

describe("a decision", () => {
  const open: Decision = {
    may_read: true, principal_is: ["group:staff", "public", "user:anna"], collection: "default", collection_readers: ["group:staff", "user:bert"],
    by_collection: ["group:staff"], document_readers: null, by_document: null,
  };

  it("names the entry that lets in", () => {
    expect(decided(open, "anna", en)).toEqual(["Yes, anna may read this document.", "The collection default lets anna in through: group staff.", "The document has no list of its own."]);
    expect(decided({ ...open, document_readers: ["user:anna", "user:bert"], by_document: ["user:anna"] }, "anna", en)[2]).toBe("The document's own list lets anna in through: user anna.");
  });

  it("names the list that shuts out", () => {
    expect(decided({ ...open, may_read: false, document_readers: ["group:board"], by_document: [] }, "anna", en)).toEqual([
      "No, anna may not read this document.", "The collection default lets anna in through: group staff.", "The document's own list is for: group board. anna is none of these.",
    ]);
    expect(decided({ ...open, may_read: false, document_readers: [], by_document: [] }, "anna", en)[2]).toBe(en.whyDocumentClosed);
    const shut = { ...open, may_read: false, by_collection: [] };
    expect(decided(shut, "carl", en)[1]).toBe("The collection default is for: group staff, user bert. carl is none of these.");
    expect(decided({ ...shut, collection_readers: [] }, "carl", en)[1]).toBe("The list of the collection default is empty: it is the operator's alone.");
    // A document's own list opens nothing.
    expect(decided({ ...shut, document_readers: ["user:carl"], by_document: ["user:carl"] }, "carl", fr)[2]).toContain("utilisateur carl, mais");
  });
});

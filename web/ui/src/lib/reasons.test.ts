import { expect, it } from "vitest";

import { reason } from "./reasons";

const error = { code: "empty_file", message: "file is empty", hint: "check that the file was copied completely" };

it("speaks the page's language", () => {
  expect(reason(error, "en")).toEqual({ message: "File is empty.", hint: "Check that the file was copied completely." });
  expect(reason(error, "fr").message).toBe("Le fichier est vide.");
});

it("keeps the service's words for a code it does not know", () => {
  expect(reason({ code: "new_code", message: "something new", hint: "" }, "fr")).toEqual({ message: "Something new.", hint: "" });
});

it("tells what is wrong with a parameter where the code says little", () => {
  const refused = { code: "invalid_request", message: "\"x\" is no reader", hint: "", param: "readers" };
  expect(reason(refused, "fr").message).toBe("Ce n'est pas un lecteur.");
  expect(reason({ ...refused, param: "top_k" }, "fr").message).toBe("\"x\" is no reader.");
});

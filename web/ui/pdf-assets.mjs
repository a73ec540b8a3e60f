// Puts pdf.js's fonts, character maps and decoders where the page serves them from: nothing is fetched
// from elsewhere when a PDF needs them.
import { cpSync, mkdirSync, rmSync } from "node:fs";

for (const [from, to] of [
  ["standard_fonts", "pdf-fonts"],
  ["cmaps", "pdf-cmaps"],
  ["wasm", "pdf-wasm"],
]) {
  rmSync(`public/${to}`, { recursive: true, force: true });
  mkdirSync(`public/${to}`, { recursive: true });
  cpSync(`node_modules/pdfjs-dist/${from}`, `public/${to}`, { recursive: true });
}

// pdf.js, loaded when the first PDF is opened. Its worker is a file of ours.

import type { PDFDocumentProxy } from "pdfjs-dist";
import workerUrl from "pdfjs-dist/build/pdf.worker.min.mjs?url";

export async function openPdf(url: string): Promise<PDFDocumentProxy> {
  const pdfjs = await import("pdfjs-dist");
  pdfjs.GlobalWorkerOptions.workerSrc = workerUrl;
  return pdfjs.getDocument({ url, isEvalSupported: false, standardFontDataUrl: "/pdf-fonts/", cMapUrl: "/pdf-cmaps/", cMapPacked: true, wasmUrl: "/pdf-wasm/" }).promise;
}

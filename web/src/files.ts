// The files of a report: which can be chosen, and what can be taken out of them. Pure: knows no document and no
// network. Names, sizes and types are what a stranger's device says; nothing of a file's content is ever shown.

import { pieces } from "./metadata.ts";
import { FILES_MAX, cleanFileName } from "./report.ts";

/** One file and what the person decided about its hidden details. */
export type Chosen = { readonly file: File; readonly metadata: "kept" | "removed" };

/** All files of a report together. */
export const FILES_SIZE_BYTES_MAX = 25 << 20;
/** Enough to know a picture by. */
const HEAD_SIZE_BYTES = 16;

/** Why a file cannot be taken. Its words: `form.files.error.<refusal>`. */
export type Refusal = "empty" | "large" | "many" | "unreadable";

/** `yes`: hidden details can be taken out. `no`: not of such a type. `broken`: of one, but not as it should be. */
export type Removal = "yes" | "no" | "broken";

/** A file that could be read when it was chosen, and cannot now, or is another. */
export class FileChanged extends Error {
  /** Counted from 0, in the order of the parcel. */
  readonly at: number;

  constructor(at: number) {
    super(`file ${at + 1} cannot be read as it was chosen`);
    this.at = at;
  }
}

/** Whether a file can join those that were chosen before. Reads its first byte: a folder has none. */
export async function refusal(before: readonly File[], file: File): Promise<Refusal | null> {
  if (before.length >= FILES_MAX) return "many";
  const together = before.reduce((sum, { size }) => sum + size, file.size);
  if (together > FILES_SIZE_BYTES_MAX) return "large";
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return "unreadable";
  }
  return file.size === 0 ? "empty" : null;
}

/** Whether hidden details can be taken out of a file: walks it whole when it begins like a picture. */
export async function removal(file: File): Promise<Removal> {
  try {
    if (pieces(await bytesOf(file.slice(0, HEAD_SIZE_BYTES))).kind === "no") return "no";
    const bytes = await bytesOf(file);
    const found = pieces(bytes);
    bytes.fill(0);
    return found.kind;
  } catch {
    return "broken"; // It could not be read to the end; sealing says so again if it stays so.
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer());
}

/** The names as they will stand in the report. */
export function cleanNames(chosen: readonly Chosen[]): string[] {
  return chosen.map(({ file }) => cleanFileName(file.name));
}

// What stays of a WebP (RFC 9649): the image data, transparency, animation, and the orientation. EXIF, XMP, colour
// profiles (which can name a screen by its serial number), unknown chunks and whatever stands after the end go.
// Never throws.

import { orientationOf, tiffOf } from "./metadata-exif.ts";
import type { Piece } from "./metadata-pieces.ts";
import { Kept, piecesSize } from "./metadata-pieces.ts";

const RIFF_HEADER_SIZE_BYTES = 12;
const CHUNK_HEADER_SIZE_BYTES = 8;
/** X, Y, width, height, duration and flags of an animation's frame. */
const FRAME_SIZE_BYTES = 16;
const IMAGE = ["VP8 ", "VP8L", "ALPH"];
/** Bits of VP8X that stay: transparency and animation. */
const FLAGS = 0x12;
const FLAG_EXIF = 0x08;

type Chunk = { readonly type: string; readonly at: number; readonly from: number; readonly to: number };

/** Null when it is no whole WebP. */
export function webpPieces(bytes: Uint8Array): Piece[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < RIFF_HEADER_SIZE_BYTES) return null;
  const end = CHUNK_HEADER_SIZE_BYTES + view.getUint32(4, true);
  const chunks = end > bytes.length ? null : chunksOf(bytes, view, RIFF_HEADER_SIZE_BYTES, end);
  const first = chunks?.[0];
  if (chunks === null || first === undefined) return null;
  const exif = chunks.find(({ type }) => type === "EXIF");
  const orientation = exif === undefined ? 1 : orientationOf(tiffIn(bytes.subarray(exif.from, exif.to)));
  const kept = first.type === "VP8X" ? extended(bytes, view, chunks, orientation) : simple(first);
  if (kept === null || kept.isTooMany) return null;
  const size = 4 + piecesSize(kept.pieces);
  return [Uint8Array.from([...ascii("RIFF"), ...little(size), ...ascii("WEBP")]), ...kept.pieces];
}

function simple(first: Chunk): Kept | null {
  if (first.type !== "VP8 " && first.type !== "VP8L") return null;
  const kept = new Kept();
  keepWhole(kept, first);
  return kept;
}

function extended(bytes: Uint8Array, view: DataView, chunks: readonly Chunk[], orientation: number): Kept | null {
  const [head, ...rest] = chunks;
  if (head === undefined || head.to - head.from < 10) return null;
  const kept = new Kept();
  const flags = ((bytes[head.from] ?? 0) & FLAGS) | (orientation === 1 ? 0 : FLAG_EXIF);
  kept.put([...ascii("VP8X"), ...little(10), flags, 0, 0, 0, ...bytes.subarray(head.from + 4, head.from + 10)]);
  let has_pixels = false;
  for (const chunk of rest) {
    if (chunk.type === "VP8 " || chunk.type === "VP8L") has_pixels = true;
    if (IMAGE.includes(chunk.type)) keepWhole(kept, chunk);
    else if (chunk.type === "ANIM" && chunk.to - chunk.from >= 6) {
      kept.put([...ascii("ANIM"), ...little(6), ...bytes.subarray(chunk.from, chunk.from + 6)]);
    } else if (chunk.type === "ANMF") {
      if (!keepFrame(kept, bytes, view, chunk)) return null;
      has_pixels = true;
    }
    if (kept.isTooMany) return null;
  }
  if (!has_pixels) return null;
  if (orientation !== 1) {
    const tiff = tiffOf(orientation);
    kept.put([...ascii("EXIF"), ...little(tiff.length), ...tiff]);
  }
  return kept;
}

/** One frame of an animation, with its image data only. False when it is not whole. */
function keepFrame(kept: Kept, bytes: Uint8Array, view: DataView, { from, to }: Chunk): boolean {
  const chunks = to - from < FRAME_SIZE_BYTES ? null : chunksOf(bytes, view, from + FRAME_SIZE_BYTES, to);
  const image = chunks?.filter(({ type }) => IMAGE.includes(type)) ?? [];
  if (!image.some(({ type }) => type !== "ALPH")) return false;
  const size = image.reduce((sum, chunk) => sum + CHUNK_HEADER_SIZE_BYTES + even(chunk.to - chunk.from), 0);
  const head = bytes.subarray(from, from + FRAME_SIZE_BYTES);
  kept.put([...ascii("ANMF"), ...little(FRAME_SIZE_BYTES + size), ...head]);
  for (const chunk of image) keepWhole(kept, chunk);
  return true;
}

/** A chunk with its header, and a zero where its bytes are odd in number. */
function keepWhole(kept: Kept, { at, from, to }: Chunk): void {
  kept.keep(at, to);
  if (even(to - from) !== to - from) kept.put([0]);
}

/** Null when they do not fill the space exactly. */
function chunksOf(bytes: Uint8Array, view: DataView, start: number, end: number): Chunk[] | null {
  const chunks: Chunk[] = [];
  let at = start;
  while (at < end && chunks.length < CHUNKS_MAX) {
    if (at + CHUNK_HEADER_SIZE_BYTES > end) return null;
    const from = at + CHUNK_HEADER_SIZE_BYTES;
    const to = from + view.getUint32(at + 4, true);
    if (to > end) return null;
    chunks.push({ type: String.fromCharCode(...bytes.subarray(at, at + 4)), at, from, to });
    at = from + even(to - from);
  }
  return at >= end ? chunks : null;
}

/** An animation has one a frame. */
const CHUNKS_MAX = 4_096;

/** Some writers put JPEG's mark before the TIFF block. */
function tiffIn(exif: Uint8Array): Uint8Array {
  const isMarked = String.fromCharCode(...exif.subarray(0, 6)) === "Exif\0\0";
  return isMarked ? exif.subarray(6) : exif;
}

function even(size: number): number {
  return size + (size % 2);
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function little(number: number): number[] {
  return [number & 255, (number >>> 8) & 255, (number >>> 16) & 255, number >>> 24];
}

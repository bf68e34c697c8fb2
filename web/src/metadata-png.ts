// What stays of a PNG (W3C PNG, third edition): the chunks that make its pixels and their colours, animation, and the
// orientation. Text, times, EXIF, colour profiles (which can name a screen by its serial number), private chunks and
// whatever stands after the end go. Never throws.

import { orientationOf, tiffOf } from "./metadata-exif.ts";
import type { Piece } from "./metadata-pieces.ts";
import { Kept } from "./metadata-pieces.ts";

const SIGNATURE_SIZE_BYTES = 8;
const CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND"];
const ANCILLARY = ["tRNS", "gAMA", "cHRM", "sRGB", "cICP", "mDCV", "cLLI", "sBIT", "bKGD", "acTL", "fcTL", "fdAT"];

/** Null when it is no whole PNG. */
export function pngPieces(bytes: Uint8Array): Piece[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept = new Kept();
  const orientation = orientationIn(bytes, view);
  let has_pixels = false;
  kept.keep(0, SIGNATURE_SIZE_BYTES);
  for (let at = SIGNATURE_SIZE_BYTES; at + 12 <= bytes.length;) {
    const { type, to } = chunk(bytes, view, at);
    const isFirst = at === SIGNATURE_SIZE_BYTES;
    if (to > bytes.length || !/^[A-Za-z]{4}$/.test(type) || (type === "IHDR") !== isFirst) return null;
    // A critical chunk that is not known here: Apple's own kind of PNG, or no picture at all.
    if (/^[A-Z]/.test(type) && !CRITICAL.includes(type)) return null;
    if (CRITICAL.includes(type) || ANCILLARY.includes(type)) kept.keep(at, to);
    if (isFirst && orientation !== 1) kept.put(orientationChunk(orientation));
    if (type === "IDAT") has_pixels = true;
    if (type === "IEND") return has_pixels && to - at === 12 ? kept.pieces : null;
    if (kept.isTooMany) return null;
    at = to;
  }
  return null;
}

function chunk(bytes: Uint8Array, view: DataView, at: number): { type: string; to: number } {
  return { type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), to: at + 12 + view.getUint32(at) };
}

/** The orientation of the first eXIf chunk, or 1. */
function orientationIn(bytes: Uint8Array, view: DataView): number {
  for (let at = SIGNATURE_SIZE_BYTES; at + 12 <= bytes.length;) {
    const { type, to } = chunk(bytes, view, at);
    if (to > bytes.length) return 1;
    if (type === "eXIf") return orientationOf(bytes.subarray(at + 8, to - 4));
    at = to;
  }
  return 1;
}

function orientationChunk(orientation: number): number[] {
  const data = [0x65, 0x58, 0x49, 0x66, ...tiffOf(orientation)];
  const crc = crc32(data);
  return [0, 0, 0, data.length - 4, ...data, crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255];
}

/** CRC-32 as PNG annex D has it. */
function crc32(data: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

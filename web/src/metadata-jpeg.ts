// What stays of a JPEG (ITU-T T.81 annex B): the segments that make its pixels, the JFIF and Adobe marks that say how
// their colours are coded, Display P3, and the orientation. All other application segments, comments, thumbnails, other
// colour profiles and whatever stands after the end go. Never throws.

import { orientationOf, tiffOf } from "./metadata-exif.ts";
import { displayP3, isDisplayP3 } from "./metadata-icc.ts";
import type { Piece } from "./metadata-pieces.ts";
import { Kept } from "./metadata-pieces.ts";

const [SOI, EOI, SOS, COM] = [0xd8, 0xd9, 0xda, 0xfe];
const [APP0, APP1, APP2, APP14, APP15] = [0xe0, 0xe1, 0xe2, 0xee, 0xef];
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];
const JFIF = [0x4a, 0x46, 0x49, 0x46, 0];
/** A profile that is whole in one segment: number 1 of 1. */
const ICC = [0x49, 0x43, 0x43, 0x5f, 0x50, 0x52, 0x4f, 0x46, 0x49, 0x4c, 0x45, 0, 1, 1];
const ADOBE = [0x41, 0x64, 0x6f, 0x62, 0x65];

type Segment = { readonly marker: number; readonly from: number; readonly to: number };

/** Null when it is no whole JPEG of one picture. */
export function jpegPieces(bytes: Uint8Array): Piece[] | null {
  const segments = walk(bytes);
  if (segments === null) return null;
  const begins = ({ marker, from }: Segment, wanted: number, words: readonly number[]) =>
    marker === wanted && words.every((byte, index) => bytes[from + 4 + index] === byte);
  const kept = new Kept();
  kept.keep(0, 2);
  const jfif = segments.find((segment) => begins(segment, APP0, JFIF) && segment.to - segment.from >= 18);
  // Version 1.2, no density, no thumbnail.
  if (jfif !== undefined) kept.put([0xff, APP0, 0, 16, ...JFIF, 1, 2, 0, 0, 1, 0, 1, 0, 0]);
  const exif = segments.find((segment) => begins(segment, APP1, EXIF));
  const orientation = exif === undefined ? 1 : orientationOf(bytes.subarray(exif.from + 10, exif.to));
  if (orientation !== 1) {
    const tiff = tiffOf(orientation);
    kept.put([0xff, APP1, 0, 2 + EXIF.length + tiff.length, ...EXIF, ...tiff]);
  }
  const icc = segments.find((segment) => begins(segment, APP2, ICC));
  if (icc !== undefined && isDisplayP3(bytes.subarray(icc.from + 4 + ICC.length, icc.to))) {
    const profile = displayP3();
    const size = 2 + ICC.length + profile.length;
    kept.put([0xff, APP2, size >> 8, size & 255, ...ICC, ...profile]);
  }
  for (const segment of segments) {
    const { marker, from, to } = segment;
    if (begins(segment, APP14, ADOBE) && to - from >= 16) {
      // Its version, flags and the transform of the colours: 12 bytes.
      kept.put([0xff, APP14, 0, 14, ...bytes.subarray(from + 4, from + 16)]);
    } else if (!isApplication(marker) && marker !== COM) kept.keep(from, to);
    if (kept.isTooMany) return null;
  }
  return kept.pieces;
}

function isApplication(marker: number): boolean {
  return marker >= APP0 && marker <= APP15;
}

/** Every segment from the one after SOI to EOI, a scan with its coded data; null when they do not follow one another. */
function walk(bytes: Uint8Array): Segment[] | null {
  const segments: Segment[] = [];
  const seen = { frame: false, scan: false };
  for (let at = 2; segments.length < SEGMENTS_MAX;) {
    if (bytes[at] !== 0xff) return null;
    while (bytes[at + 1] === 0xff) at += 1; // Fill bytes, T.81 B.1.1.2.
    const marker = bytes[at + 1];
    if (marker === undefined) return null;
    if (marker === EOI) {
      segments.push({ marker, from: at, to: at + 2 });
      return seen.frame && seen.scan ? segments : null;
    }
    if (!isSegment(marker)) return null;
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    let to = at + 2 + length;
    if (length < 2 || to > bytes.length) return null;
    if (isFrame(marker)) seen.frame = true;
    if (marker === SOS) {
      if (!seen.frame) return null;
      seen.scan = true;
      to = endOfScan(bytes, to);
    }
    segments.push({ marker, from: at, to });
    at = to;
  }
  return null;
}

/** A progressive picture has some dozen; a scan line can have its own. */
const SEGMENTS_MAX = 1 << 16;

/** SOF0 to SOF15; C4, C8 and CC are tables and a reserved one. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Markers that a length follows and that can stand here: tables, frames, scans, application segments, comments. */
function isSegment(marker: number): boolean {
  if (marker === SOI || marker === 0xc8) return false;
  return (marker >= 0xc0 && marker <= 0xcf) || (marker >= SOS && marker <= APP15) || marker === COM;
}

/** Where coded data ends: at the first marker that is neither a stuffed zero nor a restart. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at)) {
    const next = bytes[at + 1];
    if (next === undefined) break;
    const isCoded = next === 0 || (next >= 0xd0 && next <= 0xd7);
    if (!isCoded && next !== 0xff) return at;
    at += isCoded ? 2 : 1;
  }
  return bytes.length;
}

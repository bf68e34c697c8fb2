// Takes hidden details out of a picture without touching its pixels: which bytes of it stay, and what few are put
// between. The kind is told by the first bytes, never by a name. Reads hostile bytes: bounded, never throws.

import { jpegPieces } from "./metadata-jpeg.ts";
import type { Piece } from "./metadata-pieces.ts";
import { pngPieces } from "./metadata-png.ts";
import { webpPieces } from "./metadata-webp.ts";

export type Pieces =
  | { readonly kind: "yes"; readonly pieces: readonly Piece[] }
  /** `no`: not a picture that this page can read. `broken`: one, but not whole or not as its format says. */
  | { readonly kind: "no" | "broken" };

const WALKERS: readonly {
  readonly magic: readonly number[];
  /** Where a second magic stands, for formats that share their first. */
  readonly second?: { readonly at: number; readonly magic: readonly number[] };
  readonly walk: (bytes: Uint8Array) => Piece[] | null;
}[] = [
  { magic: [0xff, 0xd8, 0xff], walk: jpegPieces },
  { magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], walk: pngPieces },
  { magic: [0x52, 0x49, 0x46, 0x46], second: { at: 8, magic: [0x57, 0x45, 0x42, 0x50] }, walk: webpPieces },
];

/** What stays of a file when its hidden details go. */
export function pieces(bytes: Uint8Array): Pieces {
  const stands = (magic: readonly number[], at: number) => magic.every((byte, index) => bytes[at + index] === byte);
  const walker = WALKERS.find(
    ({ magic, second }) => stands(magic, 0) && (second === undefined || stands(second.magic, second.at)),
  );
  if (walker === undefined) return { kind: "no" };
  const found = walker.walk(bytes);
  return found === null ? { kind: "broken" } : { kind: "yes", pieces: found };
}

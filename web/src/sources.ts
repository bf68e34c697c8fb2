// Reads a chosen file twice: once to say what will be sent of it, once to send it. Between the two the file must not
// change; what was hashed is what is sealed. Runs in the worker. Holds one picture in memory while its hidden details
// are found, and otherwise a piece at a time.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Chosen } from "./files.ts";
import { FileChanged } from "./files.ts";
import { pieces } from "./metadata.ts";
import type { Piece } from "./metadata-pieces.ts";
import { piecesSize } from "./metadata-pieces.ts";
import type { FileEntry } from "./report.ts";
import { cleanFileName, mediaType, memberName } from "./report.ts";
import type { Member } from "./seal.ts";

/** A file, what report.json says of it, and which bytes of it are sent. */
export type Described = {
  readonly file: File;
  readonly at: number;
  readonly entry: FileEntry;
  readonly pieces: readonly Piece[];
};

/** Reads a file to its end. `at` counts from 0. Throws `FileChanged` when it cannot be read as it was chosen. */
export async function describe(
  { file, metadata }: Chosen,
  at: number,
  progress: (read: number) => void,
): Promise<Described> {
  const found = metadata === "removed" ? await piecesWithout(file, at) : [{ from: 0, to: file.size }];
  const hash = sha256.create();
  let size = 0;
  for await (const chunk of read(file, found, at)) {
    hash.update(chunk);
    size += chunk.length;
    chunk.fill(0);
    progress(Math.min(size, file.size));
  }
  if (size !== piecesSize(found)) throw new FileChanged(at);
  const name = cleanFileName(file.name);
  const entry = { name, media_type: mediaType(file.type), size, sha256: bytesToHex(hash.digest()), metadata };
  return { file, at, entry, pieces: found };
}

/** The member of a file. Reading it throws `FileChanged` when its bytes are not those that were described. */
export function memberOfFile({ file, at, entry, pieces }: Described): Member {
  return {
    name: memberName(at + 1, entry.name),
    size: entry.size,
    async *read() {
      const hash = sha256.create();
      let size = 0;
      for await (const chunk of read(file, pieces, at)) {
        hash.update(chunk);
        size += chunk.length;
        if (size > entry.size) throw new FileChanged(at);
        yield chunk;
      }
      if (size !== entry.size || bytesToHex(hash.digest()) !== entry.sha256) throw new FileChanged(at);
    },
  };
}

async function piecesWithout(file: File, at: number): Promise<readonly Piece[]> {
  const bytes = await file.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => {
      throw new FileChanged(at);
    },
  );
  const found = pieces(bytes);
  bytes.fill(0);
  if (found.kind !== "yes") throw new FileChanged(at);
  return found.pieces;
}

/** The bytes of the pieces, in chunks that belong to the caller. */
async function* read(file: File, pieces: readonly Piece[], at: number): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      yield piece.slice();
      continue;
    }
    const reader = file.slice(piece.from, piece.to).stream().getReader();
    for (;;) {
      const next = await reader.read().catch(() => {
        throw new FileChanged(at);
      });
      if (next.done) break;
      yield next.value;
    }
  }
}

// What stays of a file, gathered front to back. A hostile file cannot make it large: past a bound, it is not whole.

/** Bytes of the file from `from` to before `to`, or new bytes. */
export type Piece = { readonly from: number; readonly to: number } | Uint8Array<ArrayBuffer>;

/** Pictures need few: neighbours that stay are one piece. */
const PIECES_MAX = 4_096;

export class Kept {
  readonly #pieces: Piece[] = [];

  keep(from: number, to: number): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && !(last instanceof Uint8Array) && last.to === from) {
      this.#pieces[this.#pieces.length - 1] = { from: last.from, to };
    } else this.#pieces.push({ from, to });
  }

  put(bytes: readonly number[]): void {
    this.#pieces.push(Uint8Array.from(bytes));
  }

  get isTooMany(): boolean {
    return this.#pieces.length > PIECES_MAX;
  }

  /** All pieces, in order. */
  get pieces(): Piece[] {
    return this.#pieces;
  }
}

/** How many bytes the pieces have together. */
export function piecesSize(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.to - piece.from), 0);
}

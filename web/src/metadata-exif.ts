// The one hidden detail that a picture needs to be seen the right way up: TIFF's Orientation, as EXIF carries it.
// Reads hostile bytes: bounded, never throws.

const ORIENTATION = 0x0112;
const SHORT = 3;
const ENTRY_SIZE_BYTES = 12;
/** Cameras write some dozens of entries. */
const ENTRIES_MAX = 1_024;

/** The orientation, 2 to 8, that a TIFF block tells; 1, upright, when it tells none. */
export function orientationOf(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return 1;
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const little = order === 0x4949;
  const directory = view.getUint32(4, little);
  if (view.getUint16(2, little) !== 42 || directory + 2 > tiff.length) return 1;
  const count = Math.min(view.getUint16(directory, little), ENTRIES_MAX);
  for (let index = 0; index < count; index += 1) {
    const entry = directory + 2 + index * ENTRY_SIZE_BYTES;
    if (entry + ENTRY_SIZE_BYTES > tiff.length) return 1;
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const value = view.getUint16(entry + 8, little);
    const isRight = view.getUint16(entry + 2, little) === SHORT && view.getUint32(entry + 4, little) === 1;
    return isRight && value >= 2 && value <= 8 ? value : 1;
  }
  return 1;
}

/** A TIFF block of 26 bytes that tells the orientation and nothing else. */
export function tiffOf(orientation: number): number[] {
  const header = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8];
  const entry = [0x01, 0x12, 0, SHORT, 0, 0, 0, 1, 0, orientation, 0, 0];
  return [...header, 0, 1, ...entry, 0, 0, 0, 0];
}

// Colours: most phones take pictures in Display P3, and without its profile they look dull, bruises too. So when a
// picture's profile is that of Display P3, a profile of this page's own says so instead; nothing of the picture's own
// goes on, for profiles can name a screen by its serial number. Any other profile goes (ICC.1:2022). Never throws.

const HEADER_SIZE_BYTES = 128;
const ENTRY_SIZE_BYTES = 12;
const TAGS_MAX = 64;
const D50 = [0.9642, 1, 0.8249];
/** Red, green and blue of Display P3, adapted to D50. */
const P3: Record<string, readonly number[]> = {
  rXYZ: [0.51512, 0.2412, -0.00105],
  gXYZ: [0.29198, 0.69225, 0.04189],
  bXYZ: [0.1571, 0.06657, 0.78407],
};
/** How sRGB and Display P3 code light: ICC's parametric curve of type 3. */
const CURVE = [2.4, 0.94786, 0.05214, 0.07739, 0.04045];
/** Makers round differently; the next colour space is ten times as far. */
const TOLERANCE = 0.002;

/** Whether a profile says Display P3. */
export function isDisplayP3(profile: Uint8Array): boolean {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  if (profile.length < HEADER_SIZE_BYTES + 4 || word(profile, 16) !== "RGB " || word(profile, 20) !== "XYZ ")
    return false;
  const count = Math.min(view.getUint32(HEADER_SIZE_BYTES), TAGS_MAX);
  const found = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const entry = HEADER_SIZE_BYTES + 4 + index * ENTRY_SIZE_BYTES;
    if (entry + ENTRY_SIZE_BYTES > profile.length) return false;
    const name = word(profile, entry);
    const at = view.getUint32(entry + 4);
    const isCurve = /^[rgb]TRC$/.test(name);
    const wanted = isCurve ? CURVE : P3[name];
    if (wanted === undefined) continue;
    const from = at + (isCurve ? 12 : 8);
    if (from + wanted.length * 4 > profile.length) return false;
    const isKind = isCurve
      ? word(profile, at) === "para" && view.getUint16(at + 8) === 3
      : word(profile, at) === "XYZ ";
    const isNear = (number: number, which: number) =>
      Math.abs(view.getInt32(from + which * 4) / 65_536 - number) < TOLERANCE;
    if (!isKind || !wanted.every(isNear)) return false;
    found.add(name);
  }
  return found.size === 6;
}

/** A profile of Display P3 that tells of nobody: version 4, with what ICC.1 asks for and no more. */
export function displayP3(): number[] {
  const curve = [...tag("para"), 0, 3, 0, 0, ...CURVE.flatMap(fixed)];
  const text = (words: string) => {
    const utf16 = Array.from(words).flatMap((character) => [0, character.charCodeAt(0)]);
    return [...tag("mluc"), ...u32(1), ...u32(12), ...ascii("enUS"), ...u32(utf16.length), ...u32(28), ...utf16];
  };
  const xyz = (numbers: readonly number[]) => [...tag("XYZ "), ...numbers.flatMap(fixed)];
  // From D65 to D50, by Bradford's method.
  const adapted = [1.0479, 0.0229, -0.0502, 0.0296, 0.9905, -0.0171, -0.0092, 0.0151, 0.7517];
  const tags: readonly [string, number[]][] = [
    ["desc", text("Display P3")],
    ["cprt", text("CC0-1.0")],
    ["wtpt", xyz(D50)],
    ...Object.entries(P3).map(([name, numbers]): [string, number[]] => [name, xyz(numbers)]),
    ...["rTRC", "gTRC", "bTRC"].map((name): [string, number[]] => [name, curve]),
    ["chad", [...tag("sf32"), ...adapted.flatMap(fixed)]],
  ];
  const entries: number[] = [];
  const data: number[] = [];
  const begin = HEADER_SIZE_BYTES + 4 + tags.length * ENTRY_SIZE_BYTES;
  for (const [name, bytes] of tags) {
    entries.push(...ascii(name), ...u32(begin + data.length), ...u32(bytes.length));
    data.push(...bytes, ...Array.from({ length: -bytes.length & 3 }, () => 0));
  }
  return [...header(begin + data.length), ...u32(tags.length), ...entries, ...data];
}

/** The profile's header: a display's, from RGB to XYZ, perceptual, no maker, no device, no date but the first. */
function header(size: number): number[] {
  const zeros = (count: number) => Array.from({ length: count }, () => 0);
  const date = [0x07, 0xd0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0];
  const kinds = [...zeros(4), 4, 0x40, 0, 0, ...ascii("mntrRGB XYZ "), ...date, ...ascii("acsp")];
  return [...u32(size), ...kinds, ...zeros(28), ...D50.flatMap(fixed), ...zeros(48)];
}

function tag(kind: string): number[] {
  return [...ascii(kind), 0, 0, 0, 0];
}

function word(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function u32(number: number): number[] {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
}

/** ICC's s15Fixed16. */
function fixed(number: number): number[] {
  return u32(Math.round(number * 65_536) >>> 0);
}

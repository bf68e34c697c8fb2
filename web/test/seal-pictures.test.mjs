// Hidden details go from pictures, and nothing else. That the pixels stay is seen in Chromium: tests/browser/pictures.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { load } from "./load.mjs";
import {
  BASE,
  CANARY,
  GPS,
  assemble,
  jpegOf,
  jpegWith,
  phoneProfile,
  pictures,
  pngWith,
  tiff,
  webpWith,
} from "./pictures.mjs";

const { pieces } = await load("metadata.ts");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function without(bytes) {
  const found = pieces(new Uint8Array(bytes));
  assert.equal(found.kind, "yes");
  return assemble(bytes, found.pieces);
}

for (const [name, { plain, hidden }] of Object.entries(pictures(6))) {
  test(`${name}: no hidden detail is left but which way is up`, () => {
    for (const word of [Buffer.from(CANARY), GPS]) assert.ok(hidden.includes(word), "the canary was there");
    const left = without(hidden);
    for (const word of [Buffer.from(CANARY), Buffer.from(CANARY.slice(0, 8)), GPS, Buffer.from("ICC_PROFILE")]) {
      assert.ok(!left.includes(word));
    }
    assert.ok(left.length < plain.length + 80, `${left.length} bytes of ${plain.length}`);
    assert.deepEqual(without(left), left, "done twice is done once");
    // The one TIFF block that is left tells the orientation, 6, and nothing else: 26 bytes.
    const at = left.indexOf(Buffer.from("4d4d002a", "hex"));
    assert.equal(
      left.subarray(at, at + 26).toString("hex"),
      "4d4d002a000000080001011200030000000100060000" + "00000000",
    );
    assert.equal(left.indexOf(Buffer.from("4d4d002a", "hex"), at + 1), -1);
  });

  test(`${name}: an upright picture keeps no TIFF block at all`, () => {
    const left = without(pictures(1)[name].hidden);
    for (const mark of ["MM\0*", "II*\0", "Exif", "eXIf", "EXIF"]) assert.ok(!left.includes(mark), mark);
  });

  test(`${name}: cut anywhere it is refused, and nothing is thrown`, () => {
    const whole = without(hidden);
    for (let size = 0; size < whole.length; size += 1) {
      const found = pieces(new Uint8Array(whole.subarray(0, size)));
      assert.notEqual(found.kind, "yes", `${size} bytes`);
    }
  });

  test(`${name}: with any byte changed nothing is thrown, and what stays is within the file`, () => {
    for (let at = 0; at < hidden.length; at += 1) {
      for (const value of [0x00, 0xff, 0x80, hidden[at] ^ 1]) {
        const changed = new Uint8Array(hidden);
        changed[at] = value;
        const found = pieces(changed);
        if (found.kind !== "yes") continue;
        for (const piece of found.pieces) {
          if (piece instanceof Uint8Array) continue;
          assert.ok(0 <= piece.from && piece.from <= piece.to && piece.to <= changed.length, `byte ${at}`);
        }
      }
    }
  });
}

test("a picture without hidden details keeps its bytes", () => {
  for (const name of ["lossy.webp", "lossless.webp", "alpha.webp", "moving.webp"]) {
    assert.equal(sha256(without(BASE[name])), sha256(BASE[name]), name);
  }
  assert.equal(sha256(without(pngWith(null))), sha256(pngWith(null)));
});

test("each orientation is kept, and what is none is not", () => {
  for (const isLittle of [false, true]) {
    for (let wanted = 0; wanted < 12; wanted += 1) {
      const left = without(exifOnly(tiff(wanted, isLittle)));
      const at = left.indexOf("MM\0*");
      if (wanted >= 2 && wanted <= 8) assert.equal(left[at + 19], wanted);
      else assert.equal(at, -1);
    }
  }
});

test("the marks that say how colours are coded stay", () => {
  assert.ok(without(jpegWith(BASE["baseline.jpg"])).includes("JFIF\0"));
  assert.ok(without(jpegWith(BASE["cmyk.jpg"])).includes("Adobe"));
});

test("Display P3 stays, in words of the page's own", () => {
  const left = without(jpegOf(phoneProfile()));
  assert.ok(left.includes("ICC_PROFILE") && !left.includes(CANARY.slice(0, 6)) && !left.includes("APPL"));
  assert.deepEqual(without(left), left, "done twice is done once");
  const other = without(jpegOf(phoneProfile({ mmod: Buffer.from("another screen") })));
  assert.deepEqual(other, left, "whoever's picture it is");
});

const profiles = {
  "another red": { rXYZ: [0.6097, 0.3111, 0.0195] },
  "another curve": { gTRC: [2.2, 1, 0, 0, 0] },
  "a table for a curve": { gTRC: Buffer.concat([Buffer.from("curv"), Buffer.alloc(60)]) },
  "no blue": { bXYZ: null },
  "a curve that is cut": { bTRC: Buffer.from("para") },
};
for (const [name, changes] of Object.entries(profiles)) {
  test(`a colour profile with ${name} goes`, () => {
    assert.ok(!without(jpegOf(phoneProfile(changes))).includes("ICC_PROFILE"));
  });
}

test("a profile with any byte changed or cut does no harm, and nothing of it goes on", () => {
  const profile = phoneProfile();
  const wanted = without(jpegOf(profile));
  const bare = without(jpegOf(Buffer.alloc(0)));
  const check = (changed) => {
    const left = without(jpegOf(changed));
    assert.ok(left.equals(wanted) || left.equals(bare));
  };
  for (let at = 0; at < profile.length; at += 1) {
    check(profile.subarray(0, at));
    for (const value of [0x00, 0x7f, 0xff, profile[at] ^ 1]) {
      const changed = Buffer.from(profile);
      changed[at] = value;
      check(changed);
    }
  }
});

test("other kinds of file are not taken for pictures", async () => {
  const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from("ftypheic"), Buffer.alloc(12)]);
  const others = [
    Buffer.alloc(0),
    Buffer.from("%PDF-1.7"),
    Buffer.from("GIF89a"),
    heic,
    Buffer.from("RIFF\x04\0\0\0WAVE"),
  ];
  for (const bytes of others) assert.equal(pieces(new Uint8Array(bytes)).kind, "no");
});

test("hostile files end", () => {
  const size = 25 << 20;
  const filled = (begin, pattern) => {
    const bytes = Buffer.alloc(size, Buffer.from(pattern));
    return new Uint8Array(Buffer.concat([Buffer.from(begin), bytes], size));
  };
  const soi = [0xff, 0xd8];
  const png = [...pngWith(null).subarray(0, 33)];
  const vp8x = [...webpWith(BASE["lossy.webp"]).subarray(0, 30)];
  vp8x.splice(4, 4, ...Buffer.from(Uint32Array.of(size - 8).buffer));
  const hostile = {
    "fill bytes": filled(soi, [0xff]),
    "empty comments": filled(soi, [0xff, 0xfe, 0, 2]),
    "empty tables between comments": filled(soi, [0xff, 0xdb, 0, 2, 0xff, 0xfe, 0, 2]),
    "a scan of restarts": filled([...BASE["baseline.jpg"].subarray(0, -2)], [0xff, 0xd0]),
    "a scan of fill bytes": filled([...BASE["baseline.jpg"].subarray(0, -2)], [0xff]),
    "empty scans": filled([...BASE["baseline.jpg"].subarray(0, -2)], [0xff, 0xda, 0, 2]),
    "empty texts": filled(png, [0, 0, 0, 0, ...Buffer.from("tEXt"), 0, 0, 0, 0]),
    "empty pixels between texts": filled(
      png,
      ["IDAT", "tEXt"].flatMap((type) => [0, 0, 0, 0, ...Buffer.from(type), 0, 0, 0, 0]),
    ),
    "a chunk of 4 GiB": filled(png, [0xff, 0xff, 0xff, 0xff, ...Buffer.from("IDAT")]),
    "empty chunks": filled(vp8x, [...Buffer.from("hide"), 0, 0, 0, 0]),
    "empty frames": filled(vp8x, [...Buffer.from("ANMF"), 0, 0, 0, 0]),
    "a RIFF of 4 GiB": filled([...Buffer.from("RIFF"), 255, 255, 255, 255, ...Buffer.from("WEBP")], [0]),
  };
  for (const [name, bytes] of Object.entries(hostile)) assert.equal(pieces(bytes).kind, "broken", name);
});

test("a directory of entries that leads nowhere ends", () => {
  for (const directory of [0, 8, 0x7fffffff, 0xffffffff]) {
    const block = Buffer.alloc(64, 0xff);
    block.write("MM\0*");
    block.writeUInt32BE(directory, 4);
    assert.ok(!without(exifOnly(block)).includes("Exif"));
  }
});

function exifOnly(block) {
  const base = BASE["baseline.jpg"];
  const segment = [Buffer.from([0xff, 0xe1, 0, block.length + 8]), Buffer.from("Exif\0\0"), block];
  return Buffer.concat([base.subarray(0, 2), ...segment, base.subarray(2)]);
}

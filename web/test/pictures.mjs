// Small pictures of 24 by 16 points, and the hidden details that cameras, phones and editors put into them, each with a
// canary that must be gone afterwards. The pictures were encoded once with libjpeg-turbo and libwebp; the rest is made here.

import { crc32, deflateSync } from "node:zlib";

/** Stands in every hidden detail. */
export const CANARY = "CANARY-Caerdydd";
/** 51° 28' 38.84" N as EXIF writes it: three rationals. */
export const GPS = Buffer.from("00000033000000010000001c0000000100000f2c00000064", "hex");

/** By kind of coding. */
export const BASE = {
  "baseline.jpg": fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAQABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABgcA/8QAIhAAAQIGAQUAAAAAAAAAAAAAEQAGAQIEBSKhAxITQVFx/8QAFgEBAQEAAAAAAAAAAAAAAAAABQMH/8QAIREAAgEDAwUAAAAAAAAAAAAAAQMAAgQFBhESFCExgbH/2gAMAwEAAhEDEQA/AIbQN0jDSSUDaIw0n1rbpGCXWttEYaQ1o7qofiNScdu8nFA1yMNLK101kk4Iwl7fXP6h4+rKjn4xFZW5gFQ87An4CPU0mz1JWVAgz//Z",
  ),
  "restarts.jpg": fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAQABgDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/90ABAAB/9oADAMBAAIRAxEAPwDw2w8O5x8n6V0lh4azj5P0rvtL8O5x8lddpfhrOPk/SvGwlb60eflHEnLbU//Q5aw8L5x8n6UV7XbaIkBC+Xvf0Hb60V5VavllCbp1qiUlvZN/kmvkfc4PiSbpJpn/2Q==",
  ),
  "progressive.jpg": fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wgARCAAQABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABQYA/8QAFgEBAQEAAAAAAAAAAAAAAAAABAIG/9oADAMBAAIQAxAAAAGGSfXEeb1tq0n/xAAYEAADAQEAAAAAAAAAAAAAAAAAAgQDEf/aAAgBAQABBQJJxJhJTKcymFx4f//EABoRAAICAwAAAAAAAAAAAAAAAAAFAQMEERL/2gAIAQMBAT8BxGWillPJ/8QAGxEBAAEFAQAAAAAAAAAAAAAAAgABAwQSEyH/2gAIAQIBAT8BtPrG8YV1a9n/xAAWEAADAAAAAAAAAAAAAAAAAAAAIDH/2gAIAQEABj8CWH//xAAXEAEBAQEAAAAAAAAAAAAAAAAAYQEh/9oACAEBAAE/IZpJIoMeetf/2gAMAwEAAgADAAAAEAs//8QAFhEBAQEAAAAAAAAAAAAAAAAAAQAh/9oACAEDAQE/EMmySjf/xAAZEQEAAgMAAAAAAAAAAAAAAAABABExgbH/2gAIAQIBAT8QkXgBmheCan//xAAZEAEAAwEBAAAAAAAAAAAAAAARAAHBcUH/2gAIAQEAAT8QYzHMxjMQlTMv64dedn//2Q==",
  ),
  "grey.jpg": fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/wAALCAAQABgBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABgUH/8QAIhAAAQIGAQUAAAAAAAAAAAAAEQAGAQIEBSKhAxITQVFx/9oACAEBAAA/AMNoG6RhpJKBtEYaSWga5GGlZtbdIwS61tojDSSU1kk4Iwl7fXP6h4+r/9k=",
  ),
  "cmyk.jpg": fromBase64(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAGBAUGBQQGBgUGBwcGCAoQCgoJCQoUDg8MEBcUGBgXFBYWGh0lHxobIxwWFiAsICMmJykqKRkfLTAtKDAlKCko/8AAFAgAEAAYBEMRAE0RAFkRAEsRAP/EABcAAQEBAQAAAAAAAAAAAAAAAAAHBgj/xAAmEAAABQEIAwEBAAAAAAAAAAAAAQIGEQUDBBQWIUJjoRMjYQcS/9oADgRDAE0AWQBLAAA/AIG0dgjWSOLocy0+5YiNJkdUi1tHYGSOLoaWntXER65n4AtTR2Bkji6Glp/5xiI9Mz8AcVNHYOoMkcXQzTLuWI8ekyAtbR2Bkji6F7ZbVxHj9cz8AWpo7AyRxdDQOx10Bg3pFMK42tXrxoTaHc7BZIRYkZpjy2mv8GaTNRESVHoUkklEZh//2Q==",
  ),
  "lossy.webp": fromBase64(
    "UklGRpIAAABXRUJQVlA4IIYAAABQBQCdASoYABAAPm0ukkWkIqGYBABABsS2AE6ZQjgbwD8VfxArAPkCXKwUA4fjGqw8HQAA/v+0AkbOAR1Q4n7ak2IDFLMnWJ5rVFZP+Zp5CGzRRT1t47BB05VtMB2ey5YtWI3alUY8sc5oB/u8o2Sm/Ybwzyp/nM1/xUy4YiegnhygogAAAA==",
  ),
  "lossless.webp": fromBase64(
    "UklGRkgAAABXRUJQVlA4TDsAAAAvF8ADALkyRPQ/FuNf/+h/JA4jbSPVwft3fPDh4CgobhtJzS3vHn/5YgIS1wfB9ReQRmj8DYVZEwavCgA=",
  ),
  "alpha.webp": fromBase64(
    "UklGRuoAAABXRUJQVlA4WAoAAAAQAAAAFwAADwAAQUxQSD0AAAABf0CkbUPHtvv3ew0RkbiuQBXZNlRQQQUVVFBBBRVUUEEFFVRQQQV/myGi/xkYmZhZWNnYOTi5uHl4+fgJAFZQOCCGAAAAEAUAnQEqGAAQAD5tLpJFpCKhmAQAQAbEtgBOmUI4G8A/FX8QKcBrlYKAcQt8A6e+sAD+/7QCRs4BHVDiftqTYgMUsydYnmtUVk/8Q2PShiOreqvfimoavLP7yPKwuZZjvflOzohhfE0+Qf/d8lxN57DeGdoX+czX/FTSh2uQTHl0sPAAAAA=",
  ),
  "moving.webp": fromBase64(
    "UklGRrwCAABXRUJQVlA4WAoAAAASAAAAFwAADwAAQU5JTQYAAAAAAAAAAABBTk1GqAAAAAAAAAAAABcAAA8AADIAAAJWUDggkAAAALAFAJ0BKhgAEAA+bTCTRiQjIaEwCACADYlsAJ0yhHA3gH4q1IHyBLlYKib3qHZvYW2RJimGAAD+/4vp/+P6/vIwNLVxqvqJ72x3sz6ArVqFmz97E7ry8+vyMzIE6up/Z06UlXofryYSrgdTlT5cmgRgFj7qPcn7vKNkpv2G8M8qf5zNf8VMf2l6uM4coKIAAEFOTUagAAAAAAAAAAAAFwAADwAAMgAAAFZQOCCIAAAA9AQAnQEqGAAQAD5tLpJFgwCAAADYlsAJ0yhHA3kH4k0oABa721hiDmCbX6JEyIgAAP7zrCQk9/mf80JdmjUk0y8G5OAoisywXnniV/93lFHT37D9599QLm57IgCy1FIiyq/MHckW4Orab4U8wtRfkOhXwWhDSbhRqOLl0nBmf2DNdRXz+DWAAEFOTUY4AQAAAAAAAAAAFwAADwAAMgAAAkFMUEiHAAAAAX9ApG0bomfrIyLWASAYBADCggULFixYsGDBggULFixYsGAjov8BAAAAAACAiIiIiIhIRERERETEzMzMzMwsIiIiIiKiqqqqqqpqZmZmZmbm7u7u7u4eERERERGRmZmZmZlZVVVVVVXV3d3d3d09MzMzMzOzu7u7u7t7d3d3d3f3//////8PAFZQOCCQAAAAcAUAnQEqGAAQAD5tMJNGJCMhoTAIAIANiWwAnTKEcDeAfirSgNcrBUTe9Q7N7C2yJMUwwAD+/4vp/+P6/vIwNLVxqvqJ72x3sz6ArVqFmz+Rex6UaH3xv4o8HKanaUq3jQwG7spW24oR85U58ECSnRGSqlHuT93yXE3nsN4Z2hf5zNf8VNKpfkEx5dLDwAAA",
  ),
};

function fromBase64(text) {
  return Buffer.from(text, "base64");
}

function u16(number) {
  return Buffer.from([number >> 8, number & 255]);
}

function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** A TIFF block with orientation, maker, GPS position and a thumbnail. */
export function tiff(orientation, isLittle = false) {
  const parts = [];
  const number16 = (value) => (isLittle ? u16(value).reverse() : u16(value));
  const number32 = (value) => (isLittle ? u32(value).reverse() : u32(value));
  const entry = (tag, type, count, value) => Buffer.concat([number16(tag), number16(type), number32(count), value]);
  const maker = Buffer.from(`${CANARY}\0`);
  const thumbnail = Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.from(CANARY), Buffer.from([0xff, 0xd9])]);
  const first_at = 8;
  const maker_at = first_at + 2 + 3 * 12 + 4;
  const gps_at = maker_at + maker.length;
  const latitude_at = gps_at + 2 + 2 * 12 + 4;
  const second_at = latitude_at + GPS.length;
  const thumbnail_at = second_at + 2 + 2 * 12 + 4;
  parts.push(Buffer.from(isLittle ? "II" : "MM"), number16(42), number32(first_at));
  parts.push(number16(3));
  parts.push(entry(0x010f, 2, maker.length, number32(maker_at)));
  parts.push(entry(0x0112, 3, 1, Buffer.concat([number16(orientation), number16(0)])));
  parts.push(entry(0x8825, 4, 1, number32(gps_at)), number32(second_at), maker);
  parts.push(number16(2), entry(0x0001, 2, 2, Buffer.from("N\0\0\0")));
  parts.push(entry(0x0002, 5, 3, number32(latitude_at)), number32(0), GPS);
  parts.push(number16(2), entry(0x0201, 4, 1, number32(thumbnail_at)));
  parts.push(entry(0x0202, 4, 1, number32(thumbnail.length)), number32(0), thumbnail);
  return Buffer.concat(parts);
}

const XMP = `<x:xmpmeta><rdf:li>${CANARY}</rdf:li></x:xmpmeta>`;

/** Every place of a JPEG where something can hide. */
export function jpegWith(base, orientation = 1) {
  const segment = (marker, ...data) => {
    const all = Buffer.concat(data.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from([0xff, marker]), u16(all.length + 2), all]);
  };
  const has_jfif = base.subarray(6, 10).toString() === "JFIF";
  const rest = base.subarray(has_jfif ? 20 : 2);
  const thumbnail = Buffer.from(CANARY.slice(0, 12));
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    has_jfif ? segment(0xe0, "JFIF\0", [1, 1, 1, 0, 72, 0, 72, 2, 2], thumbnail) : Buffer.alloc(0),
    segment(0xe0, "JFXX\0", [0x13], CANARY),
    segment(0xe1, "Exif\0\0", tiff(orientation)),
    segment(0xe1, "http://ns.adobe.com/xap/1.0/\0", XMP),
    segment(0xe1, "http://ns.adobe.com/xmp/extension/\0", XMP),
    segment(0xe2, "ICC_PROFILE\0", [1, 1], CANARY),
    segment(0xe2, "MPF\0", CANARY),
    segment(0xed, "Photoshop 3.0\0", "8BIM", [4, 4, 0, 0, 0, 0, 0, CANARY.length], CANARY),
    segment(0xe5, CANARY),
    segment(0xef, CANARY),
    Buffer.from([0xff, 0xff, 0xff]), // Fill bytes before a marker.
    segment(0xfe, CANARY),
    rest.subarray(0, -2),
    segment(0xfe, `after the scan ${CANARY}`),
    rest.subarray(-2),
    base,
    Buffer.from(CANARY),
  ]);
}

function chunk(type, ...data) {
  const all = Buffer.concat([Buffer.from(type), ...data.map((part) => Buffer.from(part))]);
  return Buffer.concat([u32(all.length - 4), all, u32(crc32(all))]);
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Every place of a PNG where something can hide. With null it is the picture alone. */
export function pngWith(orientation) {
  const rows = Array.from({ length: 16 }, (_, y) =>
    Buffer.from([
      0,
      ...Array.from({ length: 24 }, (_, x) => [x * 10, y * 15, x * y])
        .flat()
        .map((n) => n % 256),
    ]),
  );
  const packed = deflateSync(Buffer.concat(rows));
  const hidden = (...chunks) => (orientation === null ? Buffer.alloc(0) : Buffer.concat(chunks));
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk("IHDR", u32(24), u32(16), [8, 2, 0, 0, 0]),
    hidden(
      chunk("iCCP", `${CANARY}\0\0`, deflateSync(CANARY)),
      chunk("tEXt", `Author\0${CANARY}`),
      chunk("zTXt", "Comment\0\0", deflateSync(CANARY)),
      chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0", XMP),
      chunk("tIME", [7, 234, 11, 24, 3, 0, 0]),
      chunk("eXIf", tiff(orientation ?? 1, true)),
      chunk("sPLT", `${CANARY}\0`, [8]),
      chunk("prVt", CANARY),
    ),
    chunk("gAMA", u32(45_455)),
    chunk("IDAT", packed.subarray(0, 20)),
    chunk("IDAT", packed.subarray(20)),
    hidden(chunk("tEXt", `Late\0${CANARY}`)),
    chunk("IEND"),
    hidden(PNG_SIGNATURE, Buffer.from(CANARY)),
  ]);
}

function riff(type, ...data) {
  const all = Buffer.concat(data.map((part) => Buffer.from(part)));
  const odd = Buffer.alloc(all.length % 2, 0x43);
  return Buffer.concat([Buffer.from(type), u32(all.length).reverse(), all, odd]);
}

function riffChunks(bytes, at) {
  const chunks = [];
  while (at + 8 <= bytes.length) {
    const size = bytes.readUInt32LE(at + 4);
    chunks.push({ type: bytes.toString("latin1", at, at + 4), data: bytes.subarray(at + 8, at + 8 + size) });
    at += 8 + size + (size % 2);
  }
  return chunks;
}

/** Every place of a WebP where something can hide. */
export function webpWith(base, orientation = 1) {
  const chunks = riffChunks(base, 12);
  const head = Buffer.concat([Buffer.from([0, 0, 0, 0]), Buffer.from([23, 0, 0, 15, 0, 0])]);
  chunks.find(({ type }) => type === "VP8X")?.data.copy(head);
  head[0] |= 0x2c; // A colour profile, EXIF and XMP are there.
  const image = chunks
    .filter(({ type }) => type !== "VP8X")
    .map(({ type, data }) => {
      if (type !== "ANMF") return riff(type, data);
      const inner = riffChunks(data, 16).map((one) => riff(one.type, one.data));
      return riff(type, data.subarray(0, 16), ...inner, riff("hide", CANARY));
    });
  const body = Buffer.concat([
    Buffer.from("WEBP"),
    riff("VP8X", head),
    riff("ICCP", CANARY),
    riff("hide", CANARY),
    ...image,
    riff("EXIF", "Exif\0\0", tiff(orientation, true)),
    riff("XMP ", XMP),
  ]);
  return Buffer.concat([Buffer.from("RIFF"), u32(body.length).reverse(), body, Buffer.from(CANARY)]);
}

const P3 = {
  rXYZ: [0.51512, 0.2412, -0.00105],
  gXYZ: [0.29198, 0.69225, 0.04189],
  bXYZ: [0.1571, 0.06657, 0.78407],
  wtpt: [0.96419, 1, 0.82489],
};

/** Display P3 as a phone writes it, with canaries; `changes` put other colours into it. */
export function phoneProfile(changes = {}) {
  const fixed = (numbers) => Buffer.concat(numbers.map((number) => u32(Math.round(number * 65_536) >>> 0)));
  const none = Buffer.alloc(4);
  const curve = [2.4, 0.94786, 0.05214, 0.07739, 0.04045];
  const tags = Object.entries({
    desc: Buffer.concat([Buffer.from("desc"), none, u32(CANARY.length + 1), Buffer.from(`${CANARY}\0`)]),
    mmod: Buffer.concat([Buffer.from("mmod"), none, Buffer.from(CANARY)]),
    ...Object.fromEntries(["bTRC", "gTRC", "rTRC"].map((name) => [name, curve])),
    ...P3,
    ...changes,
  }).filter(([, value]) => value !== null);
  let at = 128 + 4 + tags.length * 12;
  const data = tags.map(([name, value]) => {
    if (Buffer.isBuffer(value)) return value;
    const kind = name.endsWith("TRC") ? [Buffer.from("para"), none, u16(3), u16(0)] : [Buffer.from("XYZ "), none];
    return Buffer.concat([...kind, fixed(value)]);
  });
  const entries = tags.map(([name], index) => {
    const entry = Buffer.concat([Buffer.from(name), u32(at), u32(data[index].length)]);
    at += data[index].length;
    return entry;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at);
  header.writeUInt32BE(0x02100000, 8);
  header.write("mntrRGB XYZ ", 12);
  header.write("acspAPPL", 36);
  fixed([0.9642, 1, 0.8249]).copy(header, 68);
  header.write(CANARY, 84);
  return Buffer.concat([header, u32(tags.length), ...entries, ...data]);
}

/** A JPEG with a colour profile, and with no other hidden detail. */
export function jpegOf(profile, base = BASE["baseline.jpg"]) {
  const marked = Buffer.concat([Buffer.from("ICC_PROFILE\0\x01\x01"), profile]);
  return Buffer.concat([
    base.subarray(0, 20),
    Buffer.from([0xff, 0xe2]),
    u16(marked.length + 2),
    marked,
    base.subarray(20),
  ]);
}

/** All pictures with hidden details, by name: the picture as it is, and with them. */
export function pictures(orientation = 1) {
  const found = { "chunks.png": { plain: pngWith(null), hidden: pngWith(orientation) } };
  for (const [name, plain] of Object.entries(BASE)) {
    found[name] = { plain, hidden: (name.endsWith(".jpg") ? jpegWith : webpWith)(plain, orientation) };
  }
  return found;
}

/** The bytes that stay. */
export function assemble(bytes, pieces) {
  return Buffer.concat(
    pieces.map((piece) => (piece instanceof Uint8Array ? piece : bytes.subarray(piece.from, piece.to))),
  );
}

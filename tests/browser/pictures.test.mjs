// A picture without its hidden details is the same picture: every pixel, as Chromium decodes it, and the same way up.

import assert from "node:assert/strict";
import test from "node:test";
import { chromium } from "playwright-core";
import { load } from "../../web/test/load.mjs";
import { BASE, assemble, jpegOf, phoneProfile, pictures } from "../../web/test/pictures.mjs";

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Width, height and pixels of each frame, as the browser shows them. */
function decoded(page, bytes, type) {
  return page.evaluate(
    async ([numbers, media_type]) => {
      const data = new Uint8Array(numbers);
      const decoder = new ImageDecoder({ data, type: media_type });
      await Promise.all([decoder.completed, decoder.tracks.ready]);
      const frames = decoder.tracks.selectedTrack?.frameCount ?? 0;
      const shown = [];
      const read = (image, width, height) => {
        const context = new OffscreenCanvas(width, height).getContext("2d");
        context.drawImage(image, 0, 0);
        shown.push([width, height, ...context.getImageData(0, 0, width, height).data]);
      };
      const whole = await createImageBitmap(new Blob([data], { type: media_type }));
      read(whole, whole.width, whole.height);
      for (let frameIndex = 0; frameIndex < frames; frameIndex += 1) {
        const { image } = await decoder.decode({ frameIndex });
        read(image, image.displayWidth, image.displayHeight);
      }
      return shown;
    },
    [[...bytes], type],
  );
}

test("the pixels and the way up of each picture stay", async () => {
  const { pieces } = await load("metadata.ts");
  const browser = await chromium.launch({
    executablePath: process.env.HAFAN_CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
  try {
    const page = await browser.newPage();
    // ImageDecoder is there in a safe context only; no request leaves the browser.
    await page.route("**/*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
    await page.goto("https://pictures.test/");
    for (const orientation of [1, 3, 6, 8]) {
      for (const [name, { hidden }] of Object.entries(pictures(orientation))) {
        const type = `image/${name.split(".")[1].replace("jpg", "jpeg")}`;
        const found = pieces(new Uint8Array(hidden));
        const before = await decoded(page, hidden, type);
        const after = await decoded(page, assemble(hidden, found.pieces), type);
        assert.ok(before.length >= 2, name);
        assert.equal(before[0].length, 2 + 24 * 16 * 4, name);
        assert.deepEqual(after, before, `${name}, orientation ${orientation}`);
        if (type === "image/jpeg") assert.equal(after[0][0], orientation > 4 ? 16 : 24, "Chromium turns JPEG");
        if (name === "moving.webp") assert.equal(after.length, 4);
      }
    }
    const phone = jpegOf(phoneProfile());
    const before = await decoded(page, phone, "image/jpeg");
    const after = await decoded(page, assemble(phone, pieces(new Uint8Array(phone)).pieces), "image/jpeg");
    const dull = await decoded(page, BASE["baseline.jpg"], "image/jpeg");
    assert.deepEqual(after, before, "Display P3");
    assert.notDeepEqual(dull, before, "the browser minds the profile");
  } finally {
    await browser.close();
  }
});

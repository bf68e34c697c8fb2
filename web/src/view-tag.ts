// The tags by which a reader finds her records (docs/protocol.md section 14): one X25519 and one SHA-256 for each record of
// everybody's. By the browser's own X25519 where it has one, which is many times faster; by the library's otherwise.

import { x25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { TAG_SIZE_BYTES } from "./reply-page.ts";
import type { IndexEntry } from "./reply-page.ts";
import type { Way } from "./way.ts";

/** What X25519 gives of the secret and a point; null when it is all zeros. */
type Agree = (point: Uint8Array) => Promise<Uint8Array | null>;

const LABEL = utf8ToBytes("hafan/view-tag/v1\0");
/** RFC 8410: what stands before the 32 bytes of an X25519 secret in PKCS #8. */
const PKCS8_START = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);
const X25519 = { name: "X25519" };
const BASE_POINT = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 9 : 0));

/** What tells whether an entry has the reader's tag. One stranger's in 65,536 has it too, by chance. */
export async function tagReader({ secret, point }: Way["mail"]): Promise<(entry: IndexEntry) => Promise<boolean>> {
  const agree = (await browserAgree(secret, point)) ?? libraryAgree(secret);
  return async ({ ct_x, tag }) => {
    const shared = await agree(ct_x);
    if (shared === null) return false;
    const found = sha256(concatBytes(LABEL, shared, ct_x, point)).subarray(0, TAG_SIZE_BYTES);
    shared.fill(0);
    return found.every((byte, at) => byte === tag[at]);
  };
}

/** Null when the browser has no X25519, or its own gives another point than the one that belongs to the secret. */
async function browserAgree(secret: Uint8Array, point: Uint8Array): Promise<Agree | null> {
  const library = libraryAgree(secret);
  const pkcs8 = concatBytes(PKCS8_START, secret) as Uint8Array<ArrayBuffer>;
  try {
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, X25519, false, ["deriveBits"]);
    const derive = async (other: Uint8Array) => {
      const imported = await crypto.subtle.importKey("raw", Uint8Array.from(other), X25519, false, []);
      return new Uint8Array(await crypto.subtle.deriveBits({ ...X25519, public: imported }, key, 256));
    };
    const own = await derive(BASE_POINT);
    if (!own.every((byte, at) => byte === point[at])) return null;
    // It refuses a result of all zeros, and may refuse for reasons of its own: the library says which it is.
    return (other) => derive(other).catch(() => library(other));
  } catch {
    return null; // It does not know the name.
  } finally {
    pkcs8.fill(0);
  }
}

function libraryAgree(secret: Uint8Array): Agree {
  return async (other) => {
    try {
      return x25519.getSharedSecret(secret, other);
    } catch {
      return null; // All zeros: the point is of a small order, and no secret is in it.
    }
  };
}

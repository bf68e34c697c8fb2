// Makes a submission of an envelope (docs/protocol.md section 4) and carries it to the server, patiently.
// The same bytes go each time: the server knows a submission by its digest, so sending twice is safe.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Asked } from "./work.ts";
import { askedOf } from "./work.ts";

export type Submission = { readonly h: string; readonly body: Uint8Array<ArrayBuffer> };

export type Outcome =
  | { readonly kind: "held" }
  /** The line dropped, or the server was busy, each time. It may have arrived all the same. */
  | { readonly kind: "line" }
  /** The server said no, and will say it again. */
  | { readonly kind: "refused"; readonly status: number };

export type Step = "sending" | "again" | "busy" | "working";

/** Does what a busy server asks for before it takes `h`, in a worker; null when that cannot be done. */
export type Work = (asked: Asked, h: string, progress: (done: number, total: number) => void) => Promise<string | null>;

const SALT_SIZE_BYTES = 16;
const TAG_SIZE_BYTES = 32;
/** Pauses between the attempts, in milliseconds: six attempts within about a minute. */
const PAUSES_MS = [1_000, 2_000, 5_000, 12_000, 25_000];
const RETRY_AFTER_S_MAX = 30;
/** One attempt may take this long, and longer for a large envelope on a slow line (8 KiB/s). */
const ATTEMPT_MS_MIN = 60_000;
const SLOW_LINE_BYTES_PER_MS = 8;

/** Where the envelope begins in the body. */
export const ENVELOPE_START = SALT_SIZE_BYTES + TAG_SIZE_BYTES;

/** The body of an envelope of this size: salt || τ, random, and room for the envelope. With words τ is another: `setTag`. */
export function beginBody(
  envelope_size: number,
  random = crypto.getRandomValues.bind(crypto),
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(ENVELOPE_START + envelope_size);
  random(body.subarray(0, SALT_SIZE_BYTES));
  random(body.subarray(SALT_SIZE_BYTES, ENVELOPE_START));
  return body;
}

/** A whole body, and the digest under which the server holds it; `envelope_digest` is SHA-256 of its envelope. */
export function submissionOf(body: Uint8Array<ArrayBuffer>, envelope_digest: Uint8Array): Submission {
  const salt = body.subarray(0, SALT_SIZE_BYTES);
  return { h: bytesToHex(sha256(concatBytes(utf8ToBytes("hafan/blob/v1\0"), salt, envelope_digest))), body };
}

/** Puts the τ of its words into a whole submission, whose h does not depend on it. */
export function setTag({ body }: Submission, tau: Uint8Array): void {
  if (tau.length !== TAG_SIZE_BYTES) throw new Error(`τ is ${tau.length} bytes`);
  body.set(tau, SALT_SIZE_BYTES);
}

/**
 * Sends until it is held, refused, or the attempts are used up. `progress` hears what is being done, and while bytes
 * go, which part of them has gone, 0 to 1. Never throws.
 */
export async function submit(
  force: string,
  { h, body }: Submission,
  progress: (step: Step, fraction: number | null) => void,
  signal: AbortSignal,
  work: Work,
): Promise<Outcome> {
  let proof: string | null = null;
  for (let attempt = 0; ; attempt += 1) {
    if (attempt === 0) progress("sending", null);
    const answer: Answer | null = await put(`/v1/forces/${force}/drops/${h}`, body, proof, signal, (gone) =>
      progress("sending", gone),
    );
    const asked = answer === null ? null : askedOf(answer.text);
    if (asked !== null && attempt < PAUSES_MS.length && !signal.aborted) {
      // Work that is done is let in now and not after a pause: what is asked for is another soon.
      progress("working", 0);
      proof = await work(asked, h, (done, total) => progress("working", done / total));
      if (proof !== null) {
        progress("sending", null);
        continue;
      }
    }
    if (answer === null) progress("again", null);
    else if (answer.status === 200 || answer.status === 201) return { kind: "held" };
    else if (!isPassing(answer.status)) return { kind: "refused", status: answer.status };
    else progress("busy", null);
    const pause = PAUSES_MS[attempt];
    if (pause === undefined || signal.aborted) return { kind: "line" };
    await sleep(Math.max(pause, answer?.retry_after_ms ?? 0), signal);
  }
}

/** Statuses that can be another one a little later: too slow, busy, a fault, a proxy without a server, full. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

type Answer = { readonly status: number; readonly retry_after_ms: number; readonly text: string };

/**
 * One attempt. By XMLHttpRequest, because `fetch` does not say how much has gone; the request is the same. It follows
 * redirections, which this server never gives: an answer from another address is no answer.
 */
function put(
  url: string,
  body: Uint8Array<ArrayBuffer>,
  proof: string | null,
  signal: AbortSignal,
  progress: (fraction: number) => void,
): Promise<Answer | null> {
  const request = new XMLHttpRequest();
  const stop = () => request.abort();
  return new Promise<Answer | null>((resolve) => {
    request.open("PUT", url);
    request.timeout = Math.max(ATTEMPT_MS_MIN, body.length / SLOW_LINE_BYTES_PER_MS);
    request.setRequestHeader("Content-Type", "application/vnd.hafan.submission");
    if (proof !== null) request.setRequestHeader("Hafan-Work", proof);
    request.upload.addEventListener("progress", ({ loaded }) => progress(Math.min(loaded / body.length, 1)));
    request.addEventListener("load", () => {
      const { status, responseURL } = request;
      if (responseURL !== location.origin + url) resolve(null);
      else {
        const retry_after_ms = retryAfter(request.getResponseHeader("Retry-After"));
        resolve({ status, retry_after_ms, text: status === 503 ? request.responseText : "" });
      }
    });
    // No answer: the line dropped, the time was up, or the person left.
    for (const kind of ["error", "timeout", "abort"] as const) request.addEventListener(kind, () => resolve(null));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) resolve(null);
    else request.send(body);
  }).finally(() => signal.removeEventListener("abort", stop));
}

/** What a busy server asks for, in milliseconds, within reason. */
export function retryAfter(header: string | null): number {
  const seconds = Number.parseInt(header ?? "0", 10);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), RETRY_AFTER_S_MAX) * 1000 : 0;
}

/** A pause; shorter when the signal says so. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

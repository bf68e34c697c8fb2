// Makes a submission of an envelope (docs/protocol.md section 4) and carries it to the server, patiently.
// The same bytes go each time: the server knows a submission by its digest, so sending twice is safe.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Envelope } from "./seal.ts";

export type Submission = { readonly h: string; readonly body: Uint8Array<ArrayBuffer> };

export type Outcome =
  | { readonly kind: "held" }
  /** The line dropped, or the server was busy, each time. It may have arrived all the same. */
  | { readonly kind: "line" }
  /** The server said no, and will say it again. */
  | { readonly kind: "refused"; readonly status: number };

export type Progress = "sending" | "again" | "busy";

const SALT_SIZE_BYTES = 16;
const TAG_SIZE_BYTES = 32;
/** Pauses between the attempts, in milliseconds: six attempts within about a minute. */
const PAUSES_MS = [1_000, 2_000, 5_000, 12_000, 25_000];
const RETRY_AFTER_S_MAX = 30;
/** One attempt may take this long, and longer for a large envelope on a slow line (8 KiB/s). */
const ATTEMPT_MS_MIN = 60_000;
const SLOW_LINE_BYTES_PER_MS = 8;

/** salt || τ || envelope, and the digest under which the server holds it. */
export function submission(envelope: Envelope, random = crypto.getRandomValues.bind(crypto)): Submission {
  const salt = random(new Uint8Array(SALT_SIZE_BYTES));
  const tag = random(new Uint8Array(TAG_SIZE_BYTES));
  const h = bytesToHex(sha256(concatBytes(utf8ToBytes("hafan/blob/v1\0"), salt, sha256(envelope))));
  const body = new Uint8Array(SALT_SIZE_BYTES + TAG_SIZE_BYTES + envelope.length);
  body.set(salt);
  body.set(tag, SALT_SIZE_BYTES);
  body.set(envelope, SALT_SIZE_BYTES + TAG_SIZE_BYTES);
  return { h, body };
}

/** Sends until it is held, refused, or the attempts are used up. Never throws. */
export async function submit(
  force: string,
  { h, body }: Submission,
  progress: (step: Progress) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  progress("sending");
  for (let attempt = 0; ; attempt += 1) {
    const answer = await put(`/v1/forces/${force}/drops/${h}`, body, signal);
    if (answer === null) progress("again");
    else if (answer.status === 200 || answer.status === 201) return { kind: "held" };
    else if (!isPassing(answer.status)) return { kind: "refused", status: answer.status };
    else progress("busy");
    const pause = PAUSES_MS[attempt];
    if (pause === undefined || signal.aborted) return { kind: "line" };
    await sleep(Math.max(pause, answer?.retry_after_ms ?? 0), signal);
  }
}

/** Statuses that can be another one a little later: too slow, busy, a fault, a proxy without a server, full. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

type Answer = { readonly status: number; readonly retry_after_ms: number };

async function put(url: string, body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer | null> {
  const limit_ms = Math.max(ATTEMPT_MS_MIN, body.length / SLOW_LINE_BYTES_PER_MS);
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  const timer = setTimeout(stop, limit_ms);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const response = await fetch(url, {
      method: "PUT",
      headers: { "Content-Type": "application/vnd.hafan.submission" },
      body,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: "error",
      signal: attempt.signal,
    });
    const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "0", 10);
    const bounded = Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), RETRY_AFTER_S_MAX) : 0;
    return { status: response.status, retry_after_ms: bounded * 1000 };
  } catch {
    return null; // No answer: the line dropped, the time was up, or the person left.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
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

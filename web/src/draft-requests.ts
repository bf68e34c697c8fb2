// Keeps a draft on the server, asks for one and has one deleted (docs/protocol.md section 15), patiently. Runs in the
// worker. What is asked for depends on the words alone, never on what is in the draft; trusts no answer.

import type { Name } from "./draft.ts";
import { DRAFT_SIZE_BYTES } from "./draft.ts";
import { isPassing, retryAfter, sleep } from "./submit.ts";

/** `line`: no answer came, or the server was busy, each time. `refused`: it said no, and will say it again. */
export type Failed = "line" | "refused";

/** Hears the number of each attempt but the first, and is given up when the signal says so. */
export type Trying = { readonly again: (attempt: number) => void; readonly signal: AbortSignal };

/** Pauses between the attempts, in milliseconds. */
const PAUSES_MS = [500, 2_000, 5_000];
export const ATTEMPTS = PAUSES_MS.length + 1;
/** One attempt may take this long: a draft and its answer at 2 KiB/s. */
const ATTEMPT_MS_MAX = 40_000;
const NO_ROOM = 507;

/** Kept, in the place of the one before; `full`: there is no room for drafts now. */
export async function putDraft(
  { id, key }: Name,
  sealed: Uint8Array,
  trying: Trying,
): Promise<"kept" | "full" | Failed> {
  const answer = await askWith("PUT", id, key, sealed, trying);
  if (answer?.status === 200 || answer?.status === 201) return "kept";
  return answer?.status === NO_ROOM ? "full" : failed(answer);
}

/** What is held under this id, which may be anything; null when there is nothing. */
export async function getDraft({ id }: Name, trying: Trying): Promise<Uint8Array | null | Failed> {
  const answer = await ask("GET", id, null, trying);
  if (answer?.status === 404) return null;
  return answer?.status === 200 ? answer.bytes : failed(answer);
}

export async function deleteDraft({ id, key }: Name, trying: Trying): Promise<"deleted" | "none" | Failed> {
  const answer = await askWith("DELETE", id, key, new Uint8Array(), trying);
  if (answer?.status === 204) return "deleted";
  return answer?.status === 404 ? "none" : failed(answer);
}

/** A request that shows the key, which is wiped from it afterwards. */
async function askWith(method: "PUT" | "DELETE", id: string, key: Uint8Array, rest: Uint8Array, trying: Trying) {
  const body = new Uint8Array(key.length + rest.length);
  body.set(key);
  body.set(rest, key.length);
  try {
    return await ask(method, id, body, trying);
  } finally {
    body.fill(0);
  }
}

type Answer = { readonly status: number; readonly bytes: Uint8Array; readonly retry_after_ms: number };

function failed(answer: Answer | null): Failed {
  return answer === null || isPassing(answer.status) ? "line" : "refused";
}

/** The last answer; null when the last attempt had none. */
async function ask(
  method: "GET" | "PUT" | "DELETE",
  id: string,
  body: Uint8Array<ArrayBuffer> | null,
  { again, signal }: Trying,
): Promise<Answer | null> {
  for (let attempt = 1; ; attempt += 1) {
    if (attempt > 1) again(attempt);
    const answer = await once(method, id, body, signal);
    const isLast = attempt === ATTEMPTS || signal.aborted;
    if (isLast || (answer !== null && (answer.status === NO_ROOM || !isPassing(answer.status)))) return answer;
    await sleep(Math.max(PAUSES_MS[attempt - 1] ?? 0, answer?.retry_after_ms ?? 0), signal);
  }
}

async function once(
  method: string,
  id: string,
  body: Uint8Array<ArrayBuffer> | null,
  signal: AbortSignal,
): Promise<Answer | null> {
  const late = new AbortController();
  const stop = () => late.abort();
  const timer = setTimeout(stop, ATTEMPT_MS_MAX);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const response = await fetch(`/v1/drafts/${id}`, {
      method,
      ...(body === null ? {} : { body, headers: { "Content-Type": "application/vnd.hafan.draft" } }),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: "error",
      signal: late.signal,
    });
    const bytes = method === "GET" && response.ok ? await bounded(response) : new Uint8Array();
    return { status: response.status, bytes, retry_after_ms: retryAfter(response.headers.get("Retry-After")) };
  } catch {
    return null; // No answer: the line dropped, the time was up, or the person stopped it. Each is said on the page.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** The body, and no more of it than shows that it is too long. */
async function bounded(response: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(DRAFT_SIZE_BYTES + 1);
  const reader = response.body?.getReader();
  let size = 0;
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    const part = next.value.subarray(0, bytes.length - size);
    bytes.set(part, size);
    size += part.length;
    if (size === bytes.length) await reader?.cancel();
  }
  return bytes.subarray(0, size);
}

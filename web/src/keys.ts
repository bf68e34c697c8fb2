// Fetches the directories of all forces, always all of them and in the same order, so that no request tells which
// force was chosen. When one did not come or does not hold, all are fetched again on a fixed beat, whatever is answered.

import type { IntakeKey } from "./directory.ts";
import type { Force } from "./questions.ts";
import type { Sealer } from "./sealer.ts";

export type KeyState =
  | {
      readonly kind: "ready";
      readonly key: Pick<IntakeKey, "id" | "fingerprint">;
      /** So many officers of so many open a sealed contact; null when it cannot be sealed. */
      readonly contact: { readonly threshold: number; readonly officers: number } | null;
      /** The force that reads reports which involve this force's own people. */
      readonly police_suspect: string | null;
    }
  | { readonly kind: "no-root" | "unreachable" | "forged" | "expired" };

/** Pauses before the next fetch of all, in milliseconds; the last one repeats. */
const BEAT_MS = [5_000, 15_000, 30_000, 60_000];
const FETCHES_MAX = 60;

/** Today in UTC, as directories count days. */
export function todayUtc(now = new Date()): string {
  return now.toISOString().slice(0, 10);
}

export class Keys {
  readonly #notes = new Map<string, Uint8Array>();
  readonly #forces: readonly Force[];
  readonly #sealer: Sealer;

  constructor(forces: readonly Force[], sealer: Sealer) {
    this.#forces = forces;
    this.#sealer = sealer;
  }

  /** Fetches until every force with a root key has a directory that holds, or the page ends. */
  async keep(signal: AbortSignal): Promise<void> {
    for (let count = 0; count < FETCHES_MAX && !signal.aborted; count += 1) {
      for (const { id } of this.#forces) {
        const note = await fetchNote(id, signal);
        if (note !== null) this.#notes.set(id, note);
      }
      const states = await Promise.all(this.#forces.map((force) => this.state(force)));
      if (states.every(({ kind }) => kind === "ready" || kind === "no-root")) return;
      const pause = BEAT_MS[Math.min(count, BEAT_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** What can be sealed to this force at this moment; dates are looked at anew each time. */
  async state(force: Force): Promise<KeyState> {
    if (force.root_key === null) return { kind: "no-root" };
    const note = this.#notes.get(force.id);
    if (note === undefined) return { kind: "unreachable" };
    const opened = await this.#sealer.open(force.id, note, todayUtc());
    if (!opened.ok) return { kind: opened.why };
    const { key, contact, police_suspect } = opened;
    const officers = contact && { threshold: contact.threshold, officers: contact.recipients.length };
    return { kind: "ready", key: { id: key.id, fingerprint: key.fingerprint }, contact: officers, police_suspect };
  }
}

async function fetchNote(force: string, signal: AbortSignal): Promise<Uint8Array | null> {
  try {
    const response = await fetch(`/v1/forces/${force}/directory`, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: "error",
      signal,
    });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  } catch {
    return null; // No answer: it is asked for again on the next beat.
  }
}

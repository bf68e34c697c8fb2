// The page's side of the worker: asks, and waits for the answer with the same number.
// The one Trusted Types policy lets exactly the worker's own address through.

import type { Opened } from "./directory.ts";
import { FileChanged } from "./files.ts";
import { TooLong } from "./report.ts";
import type { Submission } from "./submit.ts";
import type { Parcel } from "./parcel.ts";
import type { Reply, Request } from "./worker.ts";

export type { Parcel } from "./parcel.ts";

type TrustedTypes = {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): {
    createScriptURL(url: string): unknown;
  };
};

function workerUrl(): string {
  const rules = {
    createScriptURL(url: string): string {
      if (url !== WORKER_URL) throw new TypeError("only the sealing worker may be started");
      return url;
    },
  };
  const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (trusted === undefined) return rules.createScriptURL(WORKER_URL);
  // The constructor takes the policy's object; TypeScript knows only of strings here.
  return trusted.createPolicy("hafan", rules).createScriptURL(WORKER_URL) as string;
}

type Waiting = {
  readonly progress: (done: number, total: number) => void;
  resolve(reply: Reply): void;
  reject(error: Error): void;
};

export class Sealer {
  readonly #worker = new Worker(workerUrl(), { type: "module" });
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor() {
    this.#worker.addEventListener("message", (event: MessageEvent<{ id: number; reply: Reply }>) => {
      const { id, reply } = event.data;
      const waiting = this.#waiting.get(id);
      if (reply.kind === "progress") {
        waiting?.progress(reply.done, reply.total);
        return;
      }
      this.#waiting.delete(id);
      waiting?.resolve(reply);
    });
    this.#worker.addEventListener("error", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the worker stopped"));
      this.#waiting.clear();
    });
  }

  /** Resolves when a throw-away report has been sealed: this device can do it. */
  async warm(): Promise<void> {
    await this.#ask({ kind: "warm" });
  }

  async open(force: string, note: Uint8Array, today: string): Promise<Opened> {
    const reply = await this.#ask({ kind: "open", force, note, today });
    if (reply.kind !== "opened") throw new Error("the worker gave another answer");
    return reply.opened;
  }

  /**
   * Reads the files, packs everything and seals it to the force, which `parcel.report.force` must be.
   * `progress` hears how many of the files' bytes are done, of how many; not at all when there is no file. Throws `FileChanged` when a file is not what was chosen,
   * `TooLong` when there is too much for one report, and any other error when it cannot be sealed.
   */
  async seal(
    force: string,
    parcel: Parcel,
    today: string,
    progress: (done: number, total: number) => void,
  ): Promise<Submission> {
    const reply = await this.#ask({ kind: "seal", force, parcel, today }, progress);
    if (reply.kind === "changed") throw new FileChanged(reply.at);
    if (reply.kind === "too-long") throw new TooLong();
    if (reply.kind !== "sealed") throw new Error("the worker gave another answer");
    return reply.submission;
  }

  /** Ends the worker and its memory. Nobody is answered any more. */
  stop(): void {
    this.#worker.terminate();
    this.#waiting.clear();
  }

  #ask(request: Request, progress: Waiting["progress"] = () => undefined): Promise<Reply> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, { progress, resolve, reject });
      this.#worker.postMessage({ id, request });
    }).then((reply) => {
      if (reply.kind === "error") throw new Error("the worker could not do it");
      return reply;
    });
  }
}

// The page's side of the worker: asks, and waits for the answer with the same number.
// The one Trusted Types policy lets exactly the worker's own address through.

import type { Opened } from "./directory.ts";
import type { Submission } from "./submit.ts";
import type { Reply, Request } from "./worker.ts";

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

export class Sealer {
  readonly #worker = new Worker(workerUrl(), { type: "module" });
  readonly #waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  #asked = 0;

  constructor() {
    this.#worker.addEventListener("message", (event: MessageEvent<{ id: number; reply: Reply }>) => {
      this.#waiting.get(event.data.id)?.resolve(event.data.reply);
      this.#waiting.delete(event.data.id);
    });
    this.#worker.addEventListener("error", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the worker stopped"));
      this.#waiting.clear();
    });
  }

  /** Resolves when a throw-away report has been sealed: this device can do it. */
  async warm(): Promise<void> {
    await this.#ask({ kind: "warm" }, []);
  }

  async open(force: string, note: Uint8Array, today: string): Promise<Opened> {
    const reply = await this.#ask({ kind: "open", force, note, today }, []);
    if (reply.kind !== "opened") throw new Error("the worker gave another answer");
    return reply.opened;
  }

  /** Gives the padded away: the page has no copy left. */
  async seal(force: string, padded: Uint8Array<ArrayBuffer>, today: string): Promise<Submission> {
    const reply = await this.#ask({ kind: "seal", force, padded, today }, [padded.buffer]);
    if (reply.kind !== "sealed") throw new Error("the worker gave another answer");
    return reply.submission;
  }

  stop(): void {
    this.#worker.terminate();
  }

  #ask(request: Request, transfer: Transferable[]): Promise<Reply> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request }, transfer);
    }).then((reply) => {
      if (reply.kind === "error") throw new Error("the worker could not do it");
      return reply;
    });
  }
}

// The page's side of its worker: asks, and waits for the answer with the same number.
// The one Trusted Types policy lets exactly the worker's own address through.

type TrustedTypes = {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): {
    createScriptURL(url: string): unknown;
  };
};

/** Made once: the browser allows one policy of a name. */
let url: string | null = null;

function workerUrl(): string {
  url ??= trustedUrl();
  return url;
}

function trustedUrl(): string {
  const rules = {
    createScriptURL(url: string): string {
      if (url !== WORKER_URL) throw new TypeError("only the page's own worker may be started");
      return url;
    },
  };
  const trusted = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (trusted === undefined) return rules.createScriptURL(WORKER_URL);
  // The constructor takes the policy's object; TypeScript knows only of strings here.
  return trusted.createPolicy("hafan", rules).createScriptURL(WORKER_URL) as string;
}

/** What every worker may answer: that it could not, or how far it is, which is not an answer yet. */
export type Common =
  { readonly kind: "error" } | { readonly kind: "progress"; readonly done: number; readonly total: number };

type Waiting<Reply> = {
  readonly progress: (done: number, total: number) => void;
  resolve(reply: Reply): void;
  reject(error: Error): void;
};

export class Asker<Request, Reply extends { readonly kind: string }> {
  readonly #worker = new Worker(workerUrl(), { type: "module" });
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #asked = 0;

  constructor() {
    this.#worker.addEventListener("message", (event: MessageEvent<{ id: number; reply: Reply | Common }>) => {
      const { id, reply } = event.data;
      const waiting = this.#waiting.get(id);
      if (isProgress(reply)) {
        waiting?.progress(reply.done, reply.total);
        return;
      }
      this.#waiting.delete(id);
      if (reply.kind === "error") waiting?.reject(new Error("the worker could not do it"));
      else waiting?.resolve(reply as Reply);
    });
    this.#worker.addEventListener("error", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the worker stopped"));
      this.#waiting.clear();
    });
  }

  /** Throws when the worker could not do it. */
  ask(request: Request, progress: Waiting<Reply>["progress"] = () => undefined): Promise<Reply> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, { progress, resolve, reject });
      this.#worker.postMessage({ id, request });
    });
  }

  /** Ends the worker and its memory. Nobody is answered any more. */
  stop(): void {
    this.#worker.terminate();
    this.#waiting.clear();
  }
}

function isProgress(reply: { readonly kind: string }): reply is Extract<Common, { kind: "progress" }> {
  return reply.kind === "progress";
}

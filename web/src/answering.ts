// The worker's side of its asker (asker.ts): hears what the page asks, and answers under the same number.

import type { Common } from "./asker.ts";
import type { Submission } from "./submit.ts";

export type Tell<Reply> = (reply: Reply | Common) => void;

/** Tells of progress when a hundredth more is done: a message for every piece would be thousands. */
export function telling<Reply>(tell: Tell<Reply>): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    if (total === 0 || (done < total && done - told < total / 100)) return;
    told = done;
    tell({ kind: "progress", done, total });
  };
}

/** Answers everything that is asked; what `answer` throws is answered by `refused`. A submission's bytes go with it. */
export function listen<Request, Reply extends { readonly kind: string; readonly submission?: Submission }>(
  answer: (request: Request, tell: Tell<Reply>) => Promise<Reply | Common>,
  refused: (error: unknown) => Reply | Common,
): void {
  self.addEventListener("message", (event: MessageEvent<{ id: number; request: Request }>) => {
    const { id, request } = event.data;
    const tell: Tell<Reply> = (reply) => {
      const body = "submission" in reply ? reply.submission?.body.buffer : undefined;
      self.postMessage({ id, reply }, { transfer: body === undefined ? [] : [body] });
    };
    answer(request, tell).then(tell, (error: unknown) => tell(refused(error)));
  });
}

// What a page asks of its worker when a busy server asks for work, whichever page it is.

import type { Asker } from "./asker.ts";
import type { Asked } from "./work.ts";

export type WorkRequest = { readonly kind: "work"; readonly asked: Asked; readonly h: string };
export type WorkReply = { readonly kind: "worked"; readonly proof: string };

/** Null when the worker could not do it: the server is busy then, and that is all. */
export async function workIn<Request, Reply extends { readonly kind: string }>(
  asker: Asker<Request | WorkRequest, Reply | WorkReply>,
  asked: Asked,
  h: string,
  progress: (done: number, total: number) => void,
): Promise<string | null> {
  try {
    const reply = await asker.ask({ kind: "work", asked, h }, progress);
    return reply.kind === "worked" ? (reply as WorkReply).proof : null;
  } catch {
    return null;
  }
}

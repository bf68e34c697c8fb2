// What the build puts into the scripts: see build/scripts.mjs.
declare module "virtual:strings" {
  const strings: Record<string, [en: string, cy: string]>;
  export default strings;
}
declare module "virtual:forces" {
  const forces: import("./questions.ts").Force[];
  export default forces;
}
declare module "virtual:questions" {
  const questions: import("./questions.ts").QuestionSet;
  export default questions;
}
declare module "virtual:words" {
  /** 7,352 words, as build/content.mjs packs them. */
  const words: string;
  export default words;
}
declare const WORKER_URL: string;

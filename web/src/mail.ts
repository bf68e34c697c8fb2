// Reads what a force told somebody who has words (docs/protocol.md section 14): the index of every page of answers in the
// span, and of the pages exactly four, whatever the words are. A fault among the messages hides neither the good ones nor
// what the log says. Runs in a worker.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { isSame } from "./log.ts";
import type { Get } from "./log.ts";
import type { Message, OpenedRecord, Reader, Refusal } from "./message.ts";
import { openRecord } from "./message.ts";
import {
  INDEX_LEAVES,
  PAGE_SIZE_BYTES,
  PART_SIZE_BYTES,
  indexEntriesOf,
  pageDigest,
  partDigest,
  partOf,
  recordsOf,
  seenOf,
} from "./reply-page.ts";
import { compare } from "./seen.ts";
import type { Seen, Shown } from "./seen.ts";
import { tagReader } from "./view-tag.ts";
import type { Way } from "./way.ts";

/** A leaf of kind 05: a page of answers stands there. */
export type PageLeaf = {
  readonly year: number;
  readonly index: number;
  readonly h: Uint8Array;
  readonly t: Uint8Array;
};

/** Where answers are, of the logs that were looked through: the oldest first. */
export type Post = {
  readonly shown: Shown;
  readonly logs: readonly { readonly year: number; readonly first: number; readonly size: number }[];
  readonly pages: readonly PageLeaf[];
};

/** What is wrong among the messages: each has words of its own on the page. */
export type MailFault =
  /** No answer came to what was asked for. */
  | "line"
  /** An index is not what the log says: cut short, changed, or about other records than its page has. */
  | "index"
  /** A page that stands in the log was not given, or another was. */
  | "missing"
  | "altered"
  | Refusal
  /** One record stands in two places. A message is told again by another record. */
  | "replayed"
  /** Two messages of the thread have one number. */
  | "conflict"
  /** What the officers saw of the log: not said, too long ago, or another one. */
  | Exclude<Seen["kind"], "same">;

export type Mail = {
  /** By number, each once; both of two that have one number. */
  readonly messages: readonly Message[];
  readonly faults: readonly MailFault[];
  /** There are records with her tag on pages that were not asked for. */
  readonly hasEarlier: boolean;
  /** The day on which the force's officers saw the same log. */
  readonly seen_on: string | null;
  /** The force has a key for answers: some can come. */
  readonly isAnswering: boolean;
};

/** Of the pages that were not asked for yet, so many are, or all when there are fewer. */
export const PAGES = 4;

type Page = PageLeaf & {
  /** The index part that has the leaf's `t`; null when none was given. */
  readonly part: Uint8Array | null;
  /** Which of its records have her tag. */
  readonly slots: readonly number[];
};

export class Mailbox {
  readonly #get: Get;
  readonly #post: Post;
  readonly #way: Way;
  readonly #reader: Reader;
  #pages: readonly Page[] = [];
  readonly #asked = new Set<Page>();
  /** Pages for which no answer came: they are asked for again. */
  readonly #cut = new Set<Page>();
  /** What opened, by the record's digest. */
  readonly #opened = new Map<string, OpenedRecord>();
  readonly #faults = new Set<MailFault>();
  #seen_on: string | null = null;

  constructor(get: Get, force: string, post: Post, way: Way) {
    this.#get = get;
    this.#post = post;
    this.#way = way;
    this.#reader = { force, identity: way.identity, thread: way.thread, keys: post.shown.replies };
  }

  /** Asks for every index of the span, and finds which records have her tag. `progress` hears a fraction. */
  async open(progress: (fraction: number) => void): Promise<void> {
    const parts = new Map<PageLeaf, Uint8Array>();
    for (const { year, first, size } of this.#post.logs) {
      for (let from = first; from < size; from += INDEX_LEAVES) await this.#index(year, from, size, parts);
    }
    const isHers = await tagReader(this.#way.mail);
    const pages: Page[] = [];
    for (const [at, leaf] of this.#post.pages.entries()) {
      const part = parts.get(leaf) ?? null;
      const tagged = part === null ? [] : await Promise.all(indexEntriesOf(part).map(isHers));
      pages.push({ ...leaf, part, slots: tagged.flatMap((has, slot) => (has ? [slot] : [])) });
      progress((at + 1) / this.#post.pages.length);
    }
    this.#pages = pages;
  }

  /** One index; those of its parts that have the `t` of their leaf go into `parts`. */
  async #index(year: number, from: number, size: number, parts: Map<PageLeaf, Uint8Array>): Promise<void> {
    const force = this.#reader.force;
    const end = from + INDEX_LEAVES;
    const bytes = await this.#ask(`/log/${force}/${year}/replies/index/${from / INDEX_LEAVES}`);
    if (bytes === "line") {
      this.#faults.add("line");
      return;
    }
    // None is the same as an empty one: it says that there is no page, and what is not so is seen below.
    const given = bytes ?? new Uint8Array(0);
    const leaves = this.#post.pages.filter((leaf) => leaf.year === year && leaf.index >= from && leaf.index < end);
    const wanted = leaves.length * PART_SIZE_BYTES;
    // Behind the checkpoint the log may have grown meanwhile; within it nothing can come to be.
    if (end <= size ? given.length !== wanted : given.length < wanted) this.#faults.add("index");
    for (const [at, leaf] of leaves.entries()) {
      const part = given.subarray(at * PART_SIZE_BYTES, (at + 1) * PART_SIZE_BYTES);
      if (part.length === PART_SIZE_BYTES && isSame(partDigest(part), leaf.t)) parts.set(leaf, part);
      else this.#faults.add("index");
    }
  }

  /** Asks for the four pages whose turn it is, and says what is known with them. */
  async next(): Promise<Mail> {
    const rest = this.#pages.filter((page) => !this.#asked.has(page));
    const given: { readonly page: Page; readonly bytes: Uint8Array }[] = [];
    // All are asked for before one is opened: how long that takes tells nobody anything.
    for (const page of choose(rest, this.#way.pages, rest.at(-1) === this.#pages.at(-1))) {
      const bytes = await this.#ask(`/log/${this.#reader.force}/${page.year}/replies/page/${page.index}`);
      if (bytes === "line") {
        this.#cut.add(page);
        continue;
      }
      this.#asked.add(page);
      this.#cut.delete(page);
      if (bytes === null) this.#faults.add("missing");
      else if (bytes.length !== PAGE_SIZE_BYTES || !isSame(pageDigest(bytes), page.h)) this.#faults.add("altered");
      else given.push({ page, bytes });
    }
    const newest = given.find(({ page }) => page === this.#pages.at(-1));
    if (newest !== undefined) await this.#compare(newest.bytes);
    for (const { page, bytes } of given) await this.#read(page, bytes);
    return this.#mail();
  }

  /** What the officers saw stands in every page; the newest one says most. What is asked for is the same for any words. */
  async #compare(newest: Uint8Array): Promise<void> {
    try {
      const seen = await compare(this.#get, seenOf(newest), this.#post.shown);
      if (seen.kind === "same") this.#seen_on = seen.on;
      else this.#faults.add(seen.kind);
    } catch {
      this.#faults.add("line"); // `Get` throws for nothing else.
    }
  }

  async #read(page: Page, bytes: Uint8Array): Promise<void> {
    const records = recordsOf(bytes);
    for (const slot of await this.#slotsOf(page, bytes)) {
      const record = records[slot];
      if (record === undefined) continue;
      const digest = bytesToHex(sha256(record));
      if (this.#opened.has(digest)) {
        this.#faults.add("replayed");
        continue;
      }
      const opened = await openRecord(record, this.#reader);
      if (opened === null) continue;
      this.#opened.set(digest, opened);
      if (opened.kind === "refused") this.#faults.add(opened.refusal);
    }
  }

  /** By the index, when it is about this page; else by the page itself, which is what the log says it is. */
  async #slotsOf(page: Page, bytes: Uint8Array): Promise<readonly number[]> {
    const own = partOf(bytes);
    if (own === null) {
      this.#faults.add("altered");
      return [];
    }
    if (page.part !== null && isSame(own, page.part)) return page.slots;
    if (page.part !== null) this.#faults.add("index");
    const tagged = await Promise.all(indexEntriesOf(own).map(await tagReader(this.#way.mail)));
    return tagged.flatMap((has, slot) => (has ? [slot] : []));
  }

  #mail(): Mail {
    const messages = new Map<string, Message>();
    for (const opened of this.#opened.values()) {
      if (opened.kind === "message") messages.set(opened.text, opened.message);
    }
    const sorted = [...messages.values()].sort((a, b) => a.number - b.number);
    if (sorted.some(({ number }, at) => sorted[at + 1]?.number === number)) this.#faults.add("conflict");
    const hasEarlier = this.#pages.some((page) => page.slots.length > 0 && !this.#asked.has(page));
    const faults = new Set<MailFault>([...(this.#cut.size > 0 ? ["line" as const] : []), ...this.#faults]);
    const isAnswering = this.#reader.keys.length > 0;
    return { messages: sorted, faults: [...faults], hasEarlier, seen_on: this.#seen_on, isAnswering };
  }

  async #ask(address: string): Promise<Uint8Array | null | "line"> {
    try {
      return await this.#get(address);
    } catch {
      return "line"; // It was asked for several times: `Get` throws for nothing else.
    }
  }
}

/**
 * In order of leaf: the newest of all, until it came; then the newest that have a record for her, and in the place of
 * those that lack what the key draws.
 */
function choose(rest: readonly Page[], key: Uint8Array, hasNewest: boolean): Page[] {
  const newest = hasNewest ? rest.slice(-1) : [];
  const others = rest.filter((page) => !newest.includes(page) && page.slots.length > 0);
  const hers = [...newest, ...others.slice(newest.length - PAGES)];
  const drawn = rest
    .filter((page) => !hers.includes(page))
    .map((page) => ({ page, lot: bytesToHex(hmac(sha256, key, page.h)) }))
    .sort((a, b) => (a.lot < b.lot ? -1 : a.lot > b.lot ? 1 : 0))
    .map(({ page }) => page)
    .slice(0, PAGES - hers.length);
  return rest.filter((page) => hers.includes(page) || drawn.includes(page));
}

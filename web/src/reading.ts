// Who reads a report: the force of the place, or the one that it names for reports on its own people. What the last
// directories said is kept, so that the document can say it at once; it is looked at anew before sealing.

import type { KeyState, Keys } from "./keys.ts";
import type { Force } from "./questions.ts";

export class Reading {
  readonly #keys: Keys;
  readonly #forces: readonly Force[];
  readonly #others = new Map<string, Force>();
  /** How many officers together open a sealed contact at the force that was asked about last; 0 when it takes none. */
  threshold = 0;

  constructor(keys: Keys, forces: readonly Force[]) {
    this.#keys = keys;
    this.#forces = forces;
  }

  get canSeal(): boolean {
    return this.threshold > 0;
  }

  /** As far as is known: the force itself until its directory has named another. */
  readerOf(place: Force, isPolice: boolean): Force {
    return (isPolice ? this.#others.get(place.id) : undefined) ?? place;
  }

  /** The state of the key that this report would be sealed to. */
  async state(place: Force, isPolice: boolean): Promise<KeyState> {
    const own = await this.#keys.state(place);
    if (own.kind === "ready") {
      const other = this.#forces.find(({ id }) => id === own.police_suspect);
      if (other === undefined) this.#others.delete(place.id);
      else this.#others.set(place.id, other);
    } else if (isPolice) {
      return own; // Whether it names another force cannot be told.
    }
    const reader = this.readerOf(place, isPolice);
    const state = reader.id === place.id ? own : await this.#keys.state(reader);
    if (state.kind === "ready") this.threshold = state.contact?.threshold ?? 0;
    return state;
  }
}

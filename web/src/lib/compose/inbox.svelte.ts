// What another view hands to the composer: a message to be edited and sent, or a script.

/** Handed over once: who takes it empties it. */
class Inbox {
  #text = $state.raw<string | undefined>();

  put(text: string): void {
    this.#text = text;
  }

  take(): string | undefined {
    const text = this.#text;
    this.#text = undefined;
    return text;
  }
}

export const messageInbox = new Inbox();
/** Lines of a scenario or a recording. */
export const scriptInbox = new Inbox();

// What another view hands to the composer: a message to be edited and sent.

class ComposerInbox {
  text = $state.raw<string | undefined>();

  put(text: string): void {
    this.text = text;
  }

  /** Empties it. */
  take(): string | undefined {
    const { text } = this;
    this.text = undefined;
    return text;
  }
}

export const composerInbox = new ComposerInbox();

// What a screen reader is told, and nobody else: short sentences, at most one in two seconds; the last one wins.

const gapMs = 2000;

class Announcer {
  text = $state('');
  #next: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    if (this.#timer !== undefined) {
      this.#next = text;
      return;
    }
    this.text = text;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#next === undefined) return;
      const next = this.#next;
      this.#next = undefined;
      this.say(next);
    }, gapMs);
  }
}

export const announcer = new Announcer();

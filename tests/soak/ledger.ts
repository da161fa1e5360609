// What the soak's workers have done and what went wrong: shared by all of them, printed with each sample.

export class Ledger {
  /** Work that was done and found right, by worker. */
  readonly done = new Map<string, number>();
  readonly errors: string[] = [];
  errorCount = 0;
  checkedBytes = 0;
  lostBytes = 0;
  duplicatedBytes = 0;

  count(worker: string): void {
    this.done.set(worker, (this.done.get(worker) ?? 0) + 1);
  }

  fail(worker: string, error: unknown): void {
    this.errorCount++;
    if (this.errors.length < 20)
      this.errors.push(`${worker}: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Compares numbered lines with 1 … `count`: what is missing is lost, what comes twice or out of order duplicated. */
  checkLines(worker: string, text: string, count: number): void {
    let next = 1;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const number = Number(line);
      if (number === next) next++;
      else if (number > next) {
        for (; next < number; next++) this.lostBytes += String(next).length + 1;
        next++;
      } else this.duplicatedBytes += line.length + 1;
    }
    for (; next <= count; next++) this.lostBytes += String(next).length + 1;
    this.checkedBytes += text.length;
    this.count(worker);
  }

  /** Compares a number of bytes that must have come. */
  checkCount(worker: string, came: number, wanted: number): void {
    this.lostBytes += Math.max(0, wanted - came);
    this.duplicatedBytes += Math.max(0, came - wanted);
    this.checkedBytes += came;
    this.count(worker);
  }

  /** @throws Error, which the caller counts, when it does not hold. */
  static expect(holds: boolean, what: string): void {
    if (!holds) throw new Error(what);
  }
}

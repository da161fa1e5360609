// How a case says that a rule does not hold: what was expected, and what was there instead.

/** A rule was broken. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(`expected ${expected}, got ${got}`);
  }
}

/** The case cannot be tried here, and why. */
export class CaseSkipped extends Error {
  override readonly name = 'CaseSkipped';
}

/** @throws Mismatch when the two differ as JSON. */
export function expectEqual(what: string, got: unknown, expected: unknown): void {
  const [gotText, expectedText] = [shown(got), shown(expected)];
  if (gotText !== expectedText) throw new Mismatch(`${what} to be ${expectedText}`, gotText);
}

/** @throws Mismatch when the condition is false. */
export function expectThat(condition: boolean, expected: string, got: unknown): asserts condition {
  if (!condition) throw new Mismatch(expected, shown(got));
}

const maxShownLength = 400;

/** A value as people read it: JSON with sorted members, cut in the middle when it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, sortMembers) ?? String(value);
  if (text.length <= maxShownLength) return text;
  return `${text.slice(0, maxShownLength / 2)} … ${text.slice(-maxShownLength / 2)} (${text.length} characters)`;
}

function sortMembers(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

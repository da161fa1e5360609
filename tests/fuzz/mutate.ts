// Damages bytes as broken peers and hostile ones do: changed, doubled, cut, put together from two, of odd characters.
import type { Random } from '../simulation/random.ts';

const odd: readonly [string, ...string[]] = [
  '\0',
  '\ufeff',
  '\u2028',
  '\ud83d',
  '"',
  '\\',
  '\\u0000',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\r',
  '1e999',
  '-0',
  '9007199254740993',
  '"__proto__":1,',
  '%00',
  '%ff',
];

/** A changed copy; with a few inputs in ten thousand unchanged. */
export function mutate(input: Uint8Array, random: Random): Uint8Array {
  let bytes = Buffer.from(input);
  for (let changes = random.magnitude(1, 8); changes > 0; changes--) {
    const at = random.between(0, bytes.length);
    const end = Math.min(bytes.length, at + random.magnitude(1, 40));
    const kind = random.between(0, 5);
    if (kind === 0 && at < bytes.length) bytes[at] = random.between(0, 255);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    else if (kind === 3) bytes = bytes.subarray(0, random.chance(0.3) ? at : bytes.length);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(odd)), bytes.subarray(at)]);
  }
  return bytes;
}

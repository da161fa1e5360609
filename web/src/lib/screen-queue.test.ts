import { Terminal } from '@xterm/headless';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concatBytes, utf8Decode, utf8Encode } from '../../../shared/bytes.ts';
import { ScreenQueue } from './screen-queue.ts';

const keptLines = 8;

/** What is drawn of the parts: the first few at once, the others when all have come. */
function queued(parts: readonly Uint8Array[], { needsReturn = true, drawnAtOnce = 1 } = {}) {
  const queue = new ScreenQueue({ needsReturn, keptLines: () => keptLines });
  const drawn: Uint8Array[] = [];
  let doneCount = 0;
  const draw = () => {
    const piece = queue.shift();
    if (!piece) return false;
    drawn.push(piece.bytes);
    piece.onDone?.();
    return true;
  };
  parts.forEach((bytes, index) => {
    queue.push({ bytes, onDone: () => doneCount++ });
    if (index < drawnAtOnce) draw();
  });
  while (draw());
  expect(doneCount).toBe(parts.length);
  return utf8Decode(concatBytes(drawn));
}

const line = (number: number) => utf8Encode(`line ${number}\r\n`);
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

it('leaves out plain lines that the screen would not keep, and says of each part that it is done', () => {
  const text = queued(lines(1, 100));
  // The first is drawn whatever comes: nobody knows what was before it.
  expect(text.split('\r\n').filter(Boolean)).toEqual(
    [1, ...Array.from({ length: 8 }, (_, i) => 93 + i)].map((n) => `line ${n}`),
  );
});

it.each(['\x1b[31m', '\x07', '\x0e', '\u009b1m'])('draws everything before %j', (control) => {
  const parts = [...lines(1, 5), utf8Encode(`${control}\r\n`), ...lines(7, 12)];
  expect(queued(parts)).toBe(utf8Decode(concatBytes(parts)));
});

it('counts lone line feeds only where they go to the first column', () => {
  const parts = Array.from({ length: 30 }, () => utf8Encode('x\n'));
  expect(queued(parts).length).toBe(60);
  expect(queued(parts, { needsReturn: false }).length).toBe(2 * (1 + keptLines));
});

it('leaves the screen as it would have been', async () => {
  const options = { allowProposedApi: true, cols: 12, rows: 3, scrollback: keptLines - 3, logLevel: 'off' } as const;
  const shown = async (bytes: Uint8Array) => {
    const terminal = new Terminal(options);
    await new Promise<void>((resolve) => terminal.write(bytes, resolve));
    const { active } = terminal.buffer;
    const text = Array.from({ length: active.length }, (_, row) => {
      const cells = active.getLine(row);
      return `${cells?.translateToString(true) ?? ''}|${cells?.getCell(0)?.getFgColor() ?? ''}`;
    });
    return { text, at: [active.cursorX, active.cursorY] };
  };
  const line = fc.integer({ min: 0, max: 999 }).map((n) => `${'wide '.repeat(n % 5)}${n}\r\n`);
  const odd = ['\x1b[3', '2mred', '\x1b[0m', '\x1b[H', '\x1b[?1049h', '\x1b[?1049l', '€', 'no end', '\n', '\r', '\x07'];
  const part = fc.oneof(
    fc.array(line, { minLength: keptLines, maxLength: 4 * keptLines }),
    fc.array(fc.constantFrom(...odd), { maxLength: 3 }),
  );
  let leftOutCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), fc.nat(20), async (bursts, drawnAtOnce) => {
      const parts = bursts.flat();
      const whole = parts.map((text) => utf8Encode(text));
      const text = queued(whole, { drawnAtOnce });
      leftOutCount += Number(text.length < parts.join('').length);
      expect(await shown(utf8Encode(text))).toEqual(await shown(concatBytes(whole)));
    }),
    { numRuns: 60 },
  );
  expect(leftOutCount).toBeGreaterThan(10);
});

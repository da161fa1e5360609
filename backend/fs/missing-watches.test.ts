import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MissingWatches, type WatchId } from './missing-watches.ts';

let folder: string;
let changed: WatchId[];
let watches: MissingWatches;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'missing-')));
  changed = [];
  watches = new MissingWatches((id) => changed.push(id));
});
afterEach(() => {
  watches.closeAll();
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

async function expectChange(...ids: WatchId[]): Promise<void> {
  await expect.poll(() => changed, { timeout: 2000, interval: 5 }).toEqual(ids);
}

describe('MissingWatches', () => {
  it('tells once when a path appears, and nothing of others', async () => {
    expect(await watches.add(1, [at('a'), at('b')], undefined)).toBe(true);
    writeFileSync(at('unrelated'), '');
    await pause(30);
    expect(changed).toEqual([]);
    writeFileSync(at('b'), '');
    await expectChange(1);
    writeFileSync(at('a'), '');
    await pause(30);
    expect(changed).toEqual([1]);
  });

  it('tells when a directory on the way appears, or the one that is there goes', async () => {
    mkdirSync(at('d'));
    await watches.add('deep', [at('w/x/y')], undefined);
    await watches.add('below', [at('d/f')], undefined);
    mkdirSync(at('w'));
    await expectChange('deep');
    rmSync(at('d'), { recursive: true });
    await expectChange('deep', 'below');
  });

  it('tells when what was present changes, is replaced or goes', async () => {
    for (const [id, change] of [
      [1, () => writeFileSync(at('p'), 'more')],
      [2, () => utimesSync(at('p'), 1, 1)],
      [3, () => rmSync(at('p'))],
    ] as const) {
      writeFileSync(at('p'), 'text');
      expect(await watches.add(id, [at('no')], at('p'))).toBe(true);
      change();
      await expect.poll(() => changed.at(-1), { timeout: 2000, interval: 5 }).toBe(id);
    }
  });

  it('watches nothing when the paths are not as claimed, or too many', async () => {
    writeFileSync(at('there'), '');
    symlinkSync('nowhere', at('dangling'));
    expect(await watches.add(1, [], undefined)).toBe(false);
    expect(await watches.add(1, [at('no'), at('there')], undefined)).toBe(false);
    expect(await watches.add(1, [at('dangling')], undefined)).toBe(false);
    expect(await watches.add(1, [at('there/below')], undefined)).toBe(false);
    expect(await watches.add(1, [at('no')], at('gone'))).toBe(false);
    const many = Array.from({ length: 300 }, (_value, index) => at(`m${index}`));
    expect(await watches.add(1, many, undefined)).toBe(false);
  });

  it('ends the oldest of too many, replaces one of the same id, and all with the connection', async () => {
    for (let id = 1; id <= 17; id++) await watches.add(id, [at('late')], undefined);
    await watches.add(17, [at('other')], undefined);
    writeFileSync(at('late'), '');
    await expect.poll(() => changed.length).toBe(15);
    expect(changed).not.toContain(1);
    expect(changed).not.toContain(17);
    watches.closeAll();
    writeFileSync(at('other'), '');
    await pause(30);
    expect(changed).toHaveLength(15);
    expect(await watches.add(20, [at('no')], undefined)).toBe(false);
  });
});

import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileHandles } from './handles.ts';

let folder: string;
let handles: FileHandles;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handles-'));
  path = join(folder, 'f');
  writeFileSync(path, 'hello');
  handles = new FileHandles(3);
});
afterEach(async () => {
  await handles.closeAll();
  rmSync(folder, { recursive: true, force: true });
});

describe('FileHandles', () => {
  it('reads blocks; one that is short is the last', async () => {
    await handles.open('h', path, 'read');
    expect(await handles.readBlock('h', 1, 3)).toEqual(Buffer.from('ell'));
    expect(await handles.readBlock('h', 4, 10)).toEqual(Buffer.from('o'));
    expect(await handles.readBlock('h', 99, 1)).toHaveLength(0);
  });

  it('replaces: empties the file at open, writes anywhere, leaves holes of zeros', async () => {
    await handles.open('w', path, 'replace');
    expect(readFileSync(path)).toHaveLength(0);
    await handles.writeBlock('w', 3, Buffer.from('x'));
    expect(readFileSync(path, 'latin1')).toBe('\0\0\0x');
  });

  it('refuses a taken id, one too many, wrong lengths, the wrong mode, an unknown id', async () => {
    await handles.open('', path, 'read');
    await expect(handles.open('', path, 'read')).rejects.toMatchObject({ code: -32600 });
    await handles.open('w', path, 'replace');
    await handles.open('h', path, 'read');
    await expect(handles.open('more', path, 'read')).rejects.toThrow('limit is 3 per connection');
    await expect(handles.readBlock('h', 0, 0)).rejects.toMatchObject({ code: -32600 });
    await expect(handles.readBlock('h', 0, 1024 * 1024 + 1)).rejects.toMatchObject({ code: -32600 });
    await expect(handles.writeBlock('h', 0, Buffer.from('x'))).rejects.toMatchObject({ code: 'EBADF' });
    await expect(handles.readBlock('w', 0, 1)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(handles.readBlock('z', 0, 1)).rejects.toMatchObject({ code: -32004 });
    await handles.close('z');
  });

  it('an id is free after a failed open and after close', async () => {
    await expect(handles.open('h', join(folder, 'no'), 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(handles.open('h', folder, 'replace')).rejects.toMatchObject({ code: -32600 });
    await handles.open('h', path, 'read');
    await handles.close('h');
    await handles.open('h', path, 'read');
  });

  it('closeAll closes what is open and what is just being opened', async () => {
    await handles.open('h', path, 'read');
    const late = handles.open('late', path, 'read');
    await handles.closeAll();
    await late;
    const open = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(open).not.toContain(path);
  });
});

// fs/*: whole files, directories, kinds, copies (docs/protocol.md, "Files").

import { base64Encode, utf8Decode, utf8Encode } from '../../bytes.ts';
import {
  fsCopy,
  fsCreateDirectory,
  fsGetMetadata,
  fsReadDirectory,
  fsReadFile,
  fsRemove,
  fsWriteFile,
} from '../../protocol/fs.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { Wire } from '../wire.ts';
import { bytesOf } from './reading.ts';

const source = 'docs/protocol.md, Files';
const reading = family('FS-READ-FILE', source);
const writing = family('FS-WRITE-FILE', source);
const making = family('FS-CREATE-DIRECTORY', source);
const metadata = family('FS-METADATA', source);
const listing = family('FS-READ-DIRECTORY', source);
const removing = family('FS-REMOVE', source);
const copying = family('FS-COPY', source);

/** A connection and the scratch directory, with `script` run in it. */
async function prepared(
  t: CaseContext,
  script = '',
): Promise<{ wire: Wire; at: (name: string) => string; directory: string }> {
  const wire = await t.harness();
  const directory = await t.scratch(wire);
  if (script !== '') await t.sh(wire, `cd ${directory} && ${script}`);
  return { wire, directory, at: (name) => t.path(`${directory}/${name}`) };
}

async function read(wire: Wire, path: string): Promise<string> {
  return utf8Decode(bytesOf((await wire.call(fsReadFile, { path })).dataBase64));
}

const base64 = (text: string) => base64Encode(utf8Encode(text));

export const fileCases: readonly ConformanceCase[] = [
  reading.must(1, 'gives the bytes of a file', async (t) => {
    const { wire, at } = await prepared(t, "printf 'a\\000\\377z' > f");
    expectEqual(
      'the bytes',
      [...bytesOf((await wire.call(fsReadFile, { path: at('f') })).dataBase64)],
      [97, 0, 255, 122],
    );
  }),
  reading.must(2, 'an empty file is empty', async (t) => {
    const { wire, at } = await prepared(t, ': > f');
    expectEqual('the content', (await wire.call(fsReadFile, { path: at('f') })).dataBase64, '');
  }),
  reading.must(3, 'links are followed', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f; ln -s f l');
    expectEqual('the content', await read(wire, at('l')), 'x\n');
  }),
  reading.must(4, 'not found is -32004', async (t) => {
    const { wire, at } = await prepared(t, 'ln -s nowhere l');
    await wire.refuse('fs/readFile', { path: at('no') }, -32004);
    await wire.refuse('fs/readFile', { path: at('l') }, -32004);
  }),
  reading.must(5, 'a directory is refused', async (t) => {
    const { wire, directory } = await prepared(t);
    await wire.refuse('fs/readFile', { path: t.path(directory) }, -32600, -32603);
  }),
  reading.should(6, 'FIFOs and devices are -32600, and block nothing', async (t) => {
    const { wire, at } = await prepared(t, 'mkfifo p');
    await wire.refuse('fs/readFile', { path: t.path('/dev/null') }, -32600);
    await wire.refuse('fs/readFile', { path: at('p') }, -32600);
    await wire.fence();
  }),
  reading.must(7, '3 MiB arrive complete', async (t) => {
    const { wire, at } = await prepared(t, 'head -c 3145728 /dev/zero | tr "\\0" x > f');
    const bytes = bytesOf((await wire.call(fsReadFile, { path: at('f') })).dataBase64);
    expectEqual('the number of bytes', [bytes.length, bytes.every((byte) => byte === 120)], [3_145_728, true]);
  }),
  reading.must(8, 'a missing path is -32602', async (t) => {
    await (await t.harness()).refuse('fs/readFile', {}, -32602);
  }),
  reading.must(
    9,
    'no permission is -32600',
    async (t) => {
      const { wire, at } = await prepared(t, 'echo x > f; chmod 0 f');
      await wire.refuse('fs/readFile', { path: at('f') }, -32600);
    },
    { needs: ['user'] },
  ),

  writing.must(1, 'creates a file', async (t) => {
    const { wire, at } = await prepared(t);
    expectEqual('the answer', await wire.call(fsWriteFile, { path: at('f'), dataBase64: base64('new') }), {});
    expectEqual('the content', await read(wire, at('f')), 'new');
  }),
  writing.must(2, 'replaces what was there, also by less', async (t) => {
    const { wire, at } = await prepared(t, 'echo long content > f');
    await wire.call(fsWriteFile, { path: at('f'), dataBase64: base64('x') });
    expectEqual('the content', await read(wire, at('f')), 'x');
  }),
  writing.must(3, 'the parent must exist: -32004', async (t) => {
    const { wire, at } = await prepared(t);
    await wire.refuse('fs/writeFile', { path: at('no/f'), dataBase64: '' }, -32004);
  }),
  writing.must(4, 'what is no base64 is -32600, and nothing is written', async (t) => {
    const { wire, at } = await prepared(t);
    for (const dataBase64 of ['*', 'QQ', 'QQ==\n']) {
      await wire.refuse('fs/writeFile', { path: at('f'), dataBase64 }, -32600);
    }
    await wire.refuse('fs/getMetadata', { path: at('f') }, -32004);
  }),
  writing.must(5, 'links are followed and stay links', async (t) => {
    const { wire, at, directory } = await prepared(t, 'echo x > f; ln -s f l');
    await wire.call(fsWriteFile, { path: at('l'), dataBase64: base64('y') });
    expectEqual('the target', await t.sh(wire, `cd ${directory}; cat f; readlink l`), 'yf\n');
  }),
  writing.must(6, 'the mode of an existing file is kept', async (t) => {
    const { wire, at, directory } = await prepared(t, 'echo x > f; chmod 751 f');
    await wire.call(fsWriteFile, { path: at('f'), dataBase64: base64('y') });
    expectEqual('the mode', await t.sh(wire, `stat -c %a ${directory}/f`), '751\n');
  }),
  writing.must(7, 'a directory is refused and stays', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d');
    await wire.refuse('fs/writeFile', { path: at('d'), dataBase64: '' });
    expectEqual('isDirectory', (await wire.call(fsGetMetadata, { path: at('d') })).isDirectory, true);
  }),
  writing.must(8, '2 MiB arrive complete', async (t) => {
    const { wire, at, directory } = await prepared(t);
    const bytes = new Uint8Array(2 * 1024 * 1024).fill(120);
    await wire.call(fsWriteFile, { path: at('f'), dataBase64: base64Encode(bytes) });
    expectEqual(
      'size and other bytes',
      await t.sh(wire, `cd ${directory}; wc -c < f; tr -d x < f | wc -c`),
      '2097152\n0\n',
    );
  }),

  making.must(1, 'makes a directory with its parents by default', async (t) => {
    const { wire, at } = await prepared(t);
    expectEqual('the answer', await wire.call(fsCreateDirectory, { path: at('a/b/c') }), {});
    expectEqual('isDirectory', (await wire.call(fsGetMetadata, { path: at('a/b/c') })).isDirectory, true);
  }),
  making.must(2, 'an existing one is fine by default', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d; ln -s d l');
    for (const name of ['d', 'l']) await wire.call(fsCreateDirectory, { path: at(name), recursive: true });
  }),
  making.must(3, 'recursive false: an existing one is -32603', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d');
    await wire.refuse('fs/createDirectory', { path: at('d'), recursive: false }, -32603);
  }),
  making.must(4, 'recursive false: a missing parent is -32004', async (t) => {
    const { wire, at } = await prepared(t);
    await wire.refuse('fs/createDirectory', { path: at('no/d'), recursive: false }, -32004);
  }),
  making.must(5, 'a file in its place is -32603', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    await wire.refuse('fs/createDirectory', { path: at('f') }, -32603);
  }),

  metadata.must(1, 'of a file', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    const { isDirectory, isFile, isSymlink } = await wire.call(fsGetMetadata, { path: at('f') });
    expectEqual(
      'the kinds',
      { isDirectory, isFile, isSymlink },
      { isDirectory: false, isFile: true, isSymlink: false },
    );
  }),
  metadata.must(2, 'of a directory', async (t) => {
    const { wire, directory } = await prepared(t);
    const { isDirectory, isFile, isSymlink } = await wire.call(fsGetMetadata, { path: t.path(directory) });
    expectEqual(
      'the kinds',
      { isDirectory, isFile, isSymlink },
      { isDirectory: true, isFile: false, isSymlink: false },
    );
  }),
  metadata.must(3, 'of a link: isSymlink of itself, the rest of its target', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d; ln -s d l');
    const { isDirectory, isFile, isSymlink } = await wire.call(fsGetMetadata, { path: at('l') });
    expectEqual('the kinds', { isDirectory, isFile, isSymlink }, { isDirectory: true, isFile: false, isSymlink: true });
  }),
  metadata.must(4, 'a link that leads nowhere is -32004', async (t) => {
    const { wire, at } = await prepared(t, 'ln -s nowhere l');
    await wire.refuse('fs/getMetadata', { path: at('l') }, -32004);
  }),
  metadata.must(5, 'a link loop is -32603', async (t) => {
    const { wire, at } = await prepared(t, 'ln -s b a; ln -s a b');
    await wire.refuse('fs/getMetadata', { path: at('a') }, -32603);
  }),
  metadata.must(6, 'of a device: neither file nor directory', async (t) => {
    const { isDirectory, isFile } = await (await t.harness()).call(fsGetMetadata, { path: t.path('/dev/null') });
    expectEqual('the kinds', { isDirectory, isFile }, { isDirectory: false, isFile: false });
  }),
  metadata.must(7, 'modifiedAtMs is the time of modification in ms', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f; touch -d @1700000000 f');
    expectEqual('modifiedAtMs', (await wire.call(fsGetMetadata, { path: at('f') })).modifiedAtMs, 1_700_000_000_000);
  }),
  metadata.must(
    8,
    'size is in bytes',
    async (t) => {
      const { wire, at } = await prepared(t, 'printf 12345 > f');
      expectEqual('size', (await wire.call(fsGetMetadata, { path: at('f') })).size, 5);
    },
    { dialects: ['0.169'] },
  ),

  listing.must(1, 'lists names and kinds, no . and ..', async (t) => {
    const { wire, directory } = await prepared(t, 'echo x > f; mkdir d; echo y > .hidden');
    const { entries } = await wire.call(fsReadDirectory, { path: t.path(directory) });
    const lines = entries.map(({ fileName, isDirectory, isFile }) => `${fileName} ${isDirectory} ${isFile}`);
    expectEqual('the entries', lines.sort(), ['.hidden false true', 'd true false', 'f false true']);
  }),
  listing.must(2, 'kinds are those behind links; links that lead nowhere are left out', async (t) => {
    const { wire, directory } = await prepared(t, 'mkdir d; ln -s d to-d; ln -s nowhere lost; mkfifo p');
    const { entries } = await wire.call(fsReadDirectory, { path: t.path(directory) });
    const lines = entries.map(({ fileName, isDirectory, isFile }) => `${fileName} ${isDirectory} ${isFile}`);
    expectEqual('the entries', lines.sort(), ['d true false', 'p false false', 'to-d true false']);
  }),
  listing.must(3, 'an empty directory has no entries', async (t) => {
    const { wire, directory } = await prepared(t);
    expectEqual('the answer', await wire.call(fsReadDirectory, { path: t.path(directory) }), { entries: [] });
  }),
  listing.must(4, 'not found is -32004, a file is -32603', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    await wire.refuse('fs/readDirectory', { path: at('no') }, -32004);
    await wire.refuse('fs/readDirectory', { path: at('f') }, -32603);
  }),
  listing.must(5, 'names with blanks and non-ASCII characters arrive as they are', async (t) => {
    const { wire, directory } = await prepared(t, "echo x > 'a ü#%41?'");
    const { entries } = await wire.call(fsReadDirectory, { path: t.path(directory) });
    expectEqual(
      'the names',
      entries.map(({ fileName }) => fileName),
      ['a ü#%41?'],
    );
    expectEqual('the content', await read(wire, t.path(`${directory}/a ü#%41?`)), 'x\n');
  }),

  removing.must(1, 'removes a file', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    expectEqual('the answer', await wire.call(fsRemove, { path: at('f') }), {});
    await wire.refuse('fs/getMetadata', { path: at('f') }, -32004);
  }),
  removing.must(2, 'removes a link and never its target', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d; echo x > d/f; ln -s d l');
    await wire.call(fsRemove, { path: at('l') });
    expectEqual('the target', await read(wire, at('d/f')), 'x\n');
  }),
  removing.must(3, 'removes a tree by default, and follows no links in it', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir -p d/e k; echo x > d/e/f; echo y > k/f; ln -s ../k d/l');
    await wire.call(fsRemove, { path: at('d') });
    await wire.refuse('fs/getMetadata', { path: at('d') }, -32004);
    expectEqual('what a link led to', await read(wire, at('k/f')), 'y\n');
  }),
  removing.must(4, 'recursive false: a directory with entries is -32603, an empty one goes', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir -p d e; echo x > d/f');
    await wire.refuse('fs/remove', { path: at('d'), recursive: false }, -32603);
    await wire.call(fsRemove, { path: at('e'), recursive: false });
  }),
  removing.must(5, 'what is not there is fine by default, and -32004 with force false', async (t) => {
    const { wire, at } = await prepared(t);
    for (const name of ['no', 'no/no']) {
      await wire.call(fsRemove, { path: at(name) });
      await wire.refuse('fs/remove', { path: at(name), force: false }, -32004);
    }
  }),
  removing.must(6, 'a path below a file is -32603, also with force', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    await wire.refuse('fs/remove', { path: at('f/g'), force: true }, -32603);
  }),

  copying.must(1, 'copies a file with its mode', async (t) => {
    const { wire, at, directory } = await prepared(t, 'echo x > f; chmod 751 f');
    const paths = { sourcePath: at('f'), destinationPath: at('g') };
    expectEqual('the answer', await wire.call(fsCopy, { ...paths, recursive: false }), {});
    expectEqual('content and mode', await t.sh(wire, `cd ${directory}; cat g; stat -c %a g`), 'x\n751\n');
  }),
  copying.must(2, 'overwrites a file', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f; echo long content > g');
    await wire.call(fsCopy, { sourcePath: at('f'), destinationPath: at('g'), recursive: false });
    expectEqual('the content', await read(wire, at('g')), 'x\n');
  }),
  copying.must(3, 'a missing source and a missing parent of the destination are -32004', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    await wire.refuse('fs/copy', { sourcePath: at('no'), destinationPath: at('g'), recursive: false }, -32004);
    await wire.refuse('fs/copy', { sourcePath: at('f'), destinationPath: at('no/g'), recursive: false }, -32004);
  }),
  copying.must(4, 'recursive is required: -32602', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f');
    await wire.refuse('fs/copy', { sourcePath: at('f'), destinationPath: at('g') }, -32602);
  }),
  copying.must(5, 'a directory needs recursive true: -32600', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir d');
    await wire.refuse('fs/copy', { sourcePath: at('d'), destinationPath: at('e'), recursive: false }, -32600);
  }),
  copying.must(6, 'copies a tree into a new or an existing directory', async (t) => {
    const { wire, at, directory } = await prepared(t, 'mkdir -p d/s e; echo x > d/s/f; echo old > e/k; ln -s s/f d/l');
    for (const name of ['e', 'n']) {
      await wire.call(fsCopy, { sourcePath: at('d'), destinationPath: at(name), recursive: true });
    }
    expectEqual(
      'the copies',
      await t.sh(wire, `cd ${directory}; cat e/s/f e/k n/s/f; readlink n/l`),
      'x\nold\nx\ns/f\n',
    );
  }),
  copying.must(7, 'a link is copied as a link, also one that leads nowhere', async (t) => {
    const { wire, at, directory } = await prepared(t, 'ln -s nowhere l');
    await wire.call(fsCopy, { sourcePath: at('l'), destinationPath: at('m'), recursive: false });
    expectEqual('the link', await t.sh(wire, `readlink ${directory}/m`), 'nowhere\n');
  }),
  copying.must(8, 'a directory into itself or below itself is -32600', async (t) => {
    const { wire, at } = await prepared(t, 'mkdir -p d/e');
    for (const name of ['d', 'd/e/f']) {
      await wire.refuse('fs/copy', { sourcePath: at('d'), destinationPath: at(name), recursive: true }, -32600);
    }
  }),
  copying.should(9, 'a file onto itself is -32600 and keeps its content', async (t) => {
    const { wire, at } = await prepared(t, 'echo precious > f');
    await wire.refuse('fs/copy', { sourcePath: at('f'), destinationPath: at('f'), recursive: false }, -32600);
    expectEqual('the content', await read(wire, at('f')), 'precious\n');
  }),
  copying.must(10, 'a FIFO as the source is -32600; inside a tree it is left out', async (t) => {
    const { wire, at } = await prepared(t, 'mkfifo p; mkdir d; mkfifo d/p; echo x > d/f');
    await wire.refuse('fs/copy', { sourcePath: at('p'), destinationPath: at('q'), recursive: false }, -32600);
    await wire.call(fsCopy, { sourcePath: at('d'), destinationPath: at('e'), recursive: true });
    const { entries } = await wire.call(fsReadDirectory, { path: at('e') });
    expectEqual(
      'the entries',
      entries.map(({ fileName }) => fileName),
      ['f'],
    );
  }),
  copying.must(11, 'onto a directory, and a link onto anything, is -32603', async (t) => {
    const { wire, at } = await prepared(t, 'echo x > f; mkdir d; ln -s f l; echo y > g');
    await wire.refuse('fs/copy', { sourcePath: at('f'), destinationPath: at('d'), recursive: false }, -32603);
    await wire.refuse('fs/copy', { sourcePath: at('l'), destinationPath: at('g'), recursive: false }, -32603);
  }),
  copying.must(12, 'not found, refused and failed have three codes: the message tells what', async (t) => {
    const { wire, at } = await prepared(t);
    const error = await wire.refuse('fs/readFile', { path: at('no') }, -32004);
    expectThat(error.message !== '', 'a message', error);
  }),
];

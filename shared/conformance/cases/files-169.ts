// Paths as URIs and as plain text, sandbox contexts, and what came with 0.169: handles, walk, canonicalize, watches,
// environment (docs/protocol.md, "Paths", "File handles", "Environment").

import { base64Encode, utf8Decode, utf8Encode } from '../../bytes.ts';
import { environmentInfo, environmentStatus } from '../../protocol/environment.ts';
import {
  fsCanonicalize,
  fsClose,
  fsMissingChanged,
  fsOpen,
  fsReadBlock,
  fsReadFile,
  fsWalk,
  fsWatchMissing,
  fsWriteBlock,
} from '../../protocol/fs.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { Wire } from '../wire.ts';
import { bytesOf } from './reading.ts';

const newer = { dialects: ['0.169'] } as const;
const paths = family('FS-PATH', 'docs/protocol.md, Paths');
const sandboxes = family('FS-SANDBOX', 'docs/protocol.md, Sandbox');
const handles = family('FS-HANDLE', 'docs/protocol.md, File handles', newer);
const walks = family('FS-WALK', 'docs/protocol.md, Files', newer);
const canonical = family('FS-CANONICALIZE', 'docs/protocol.md, Files', newer);
const watches = family('FS-WATCH', 'docs/protocol.md, Files', newer);
const environment = family('ENVIRONMENT', 'docs/protocol.md, Environment', newer);

async function fileWith(
  t: CaseContext,
  content: string,
): Promise<{ wire: Wire; plain: string; path: string; directory: string }> {
  const wire = await t.harness();
  const plain = await t.file(wire, 'f', content);
  return { wire, plain, path: t.path(plain), directory: await t.scratch(wire) };
}

const walkOptions = { maxDepth: 10, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false };

/** A tree to walk: `d/e/f`, `d/g`, and a link to `d`. */
async function tree(t: CaseContext): Promise<{ wire: Wire; directory: string }> {
  const wire = await t.harness();
  const directory = await t.scratch(wire);
  await t.sh(wire, `cd ${directory} && mkdir -p d/e && echo x > d/e/f && echo y > d/g && ln -s d l`);
  return { wire, directory };
}

/** Paths below the directory, as `kind path`. */
function listed(t: CaseContext, directory: string, entries: readonly { path: string; kind: string }[]): string[] {
  return entries.map(({ path, kind }) => `${kind} ${path.replace(`${t.path(directory)}/`, '')}`).sort();
}

export const newerFileCases: readonly ConformanceCase[] = [
  paths.must(1, '. and .. are resolved in the text, before links are followed', async (t) => {
    const { wire, directory } = await fileWith(t, 'x');
    const path = t.path(directory);
    await t.sh(wire, `cd ${directory} && ln -s /usr/bin l`);
    for (const text of [`${path}/l/../f`, `${path}/./f`, `${path}/missing/../f`]) {
      expectEqual(`the content of ${text}`, (await wire.call(fsReadFile, { path: text })).dataBase64, 'eA==');
    }
  }),
  paths.must(2, 'a relative path is -32602', async (t) => {
    const wire = await t.harness();
    for (const path of ['relative/f', '', '~/f', './f']) await wire.refuse('fs/readFile', { path }, -32602);
  }),
  paths.must(
    3,
    'plain absolute paths are taken',
    async (t) => {
      const { wire, plain } = await fileWith(t, 'x');
      expectEqual('the content', (await wire.call(fsReadFile, { path: plain })).dataBase64, 'eA==');
    },
    { dialects: ['0.131'] },
  ),
  paths.must(
    4,
    'file:///p and file:/p are the same, whatever the case of the scheme',
    async (t) => {
      const { wire, plain } = await fileWith(t, 'x');
      for (const path of [`file://${plain}`, `file:${plain}`, `FILE://${plain}`]) {
        expectEqual(`the content of ${path}`, (await wire.call(fsReadFile, { path })).dataBase64, 'eA==');
      }
    },
    newer,
  ),
  paths.must(
    5,
    'percent escapes in a URI are decoded',
    async (t) => {
      const { wire, plain } = await fileWith(t, 'x');
      const path = `file://${plain.replace(/f$/, '%66')}`;
      expectEqual('the content', (await wire.call(fsReadFile, { path })).dataBase64, 'eA==');
    },
    newer,
  ),
  paths.must(
    6,
    'another scheme is -32602',
    async (t) => {
      await (await t.harness()).refuse('fs/readFile', { path: 'http://127.0.0.1/etc/passwd' }, -32602);
    },
    newer,
  ),
  paths.must(
    7,
    'a URI with a host is -32600',
    async (t) => {
      await (await t.harness()).refuse('fs/readFile', { path: 'file://elsewhere.example/etc/passwd' }, -32600);
    },
    newer,
  ),

  sandboxes.must(1, 'sandbox null is plain access', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsReadFile, { path, sandbox: null });
  }),
  sandboxes.must(2, 'a disabled sandbox is plain access', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    const sandbox = { permissions: { type: 'disabled' }, windowsSandboxLevel: 'disabled' };
    await wire.call(fsReadFile, { path, sandbox });
  }),
  sandboxes.must(3, 'a sandbox without permissions is -32602', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.refuse('fs/readFile', { path, sandbox: {} }, -32602);
  }),
  sandboxes.must(4, 'an unknown sandbox is refused, never ignored', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    const sandbox = { permissions: { type: 'no-such-sandbox' }, windowsSandboxLevel: 'disabled' };
    await wire.refuse('fs/writeFile', { path, dataBase64: '', sandbox });
    expectEqual('the content', (await wire.call(fsReadFile, { path })).dataBase64, 'eA==');
  }),

  handles.must(1, 'open, read, close', async (t) => {
    const { wire, path } = await fileWith(t, '0123456789');
    expectEqual('open', await wire.call(fsOpen, { handleId: 'h', path }), { handleId: 'h' });
    const { chunk, eof } = await wire.call(fsReadBlock, { handleId: 'h', offset: 3, len: 4 });
    expectEqual('the block', [utf8Decode(bytesOf(chunk)), eof], ['3456', false]);
    expectEqual('close', await wire.call(fsClose, { handleId: 'h' }), {});
    await wire.refuse('fs/readBlock', { handleId: 'h', offset: 0, len: 1 }, -32004);
  }),
  handles.must(2, 'eof is true only when fewer bytes came than were asked for', async (t) => {
    const { wire, path } = await fileWith(t, '0123456789');
    await wire.call(fsOpen, { handleId: 'h', path });
    for (const [offset, len, text, isEnd] of [
      [0, 10, '0123456789', false],
      [5, 10, '56789', true],
      [10, 1, '', true],
      [99, 1, '', true],
    ] as const) {
      const { chunk, eof } = await wire.call(fsReadBlock, { handleId: 'h', offset, len });
      expectEqual(`${len} bytes from ${offset}`, [utf8Decode(bytesOf(chunk)), eof], [text, isEnd]);
    }
  }),
  handles.must(3, 'len is 1 byte to 1 MiB: else -32600', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h', path });
    for (const len of [0, 1024 * 1024 + 1])
      await wire.refuse('fs/readBlock', { handleId: 'h', offset: 0, len }, -32600);
    await wire.call(fsReadBlock, { handleId: 'h', offset: 0, len: 1024 * 1024 });
  }),
  handles.must(4, 'an unknown handle is -32004; closing one is fine', async (t) => {
    const wire = await t.harness();
    await wire.refuse('fs/readBlock', { handleId: 'no', offset: 0, len: 1 }, -32004);
    await wire.refuse('fs/writeBlock', { handleId: 'no', offset: 0, chunk: 'QQ==' }, -32004);
    expectEqual('close', await wire.call(fsClose, { handleId: 'no' }), {});
  }),
  handles.must(5, 'a handleId in use is -32600', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h', path });
    await wire.refuse('fs/open', { handleId: 'h', path }, -32600);
  }),
  handles.must(6, 'a handleId has at most 32 bytes', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h'.repeat(32), path });
    await wire.refuse('fs/open', { handleId: 'h'.repeat(33), path }, -32602, -32600);
  }),
  handles.must(7, 'mode replace empties the file; blocks go to their offsets', async (t) => {
    const { wire, path, plain } = await fileWith(t, 'old content');
    await wire.call(fsOpen, { handleId: 'h', path, mode: 'replace' });
    for (const [offset, text] of [
      [3, 'de'],
      [0, 'abc'],
      [7, 'z'],
    ] as const) {
      const chunk = base64Encode(utf8Encode(text));
      expectEqual('writeBlock', await wire.call(fsWriteBlock, { handleId: 'h', offset, chunk }), {});
    }
    await wire.call(fsClose, { handleId: 'h' });
    expectEqual('the content', await t.sh(wire, `tr '\\0' . < ${plain}`), 'abcde..z');
  }),
  handles.must(8, 'mode replace creates a file', async (t) => {
    const { wire, directory } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h', path: t.path(`${directory}/new`), mode: 'replace' });
    await wire.call(fsWriteBlock, { handleId: 'h', offset: 0, chunk: 'QQ==' });
    await wire.call(fsClose, { handleId: 'h' });
    expectEqual('the content', (await wire.call(fsReadFile, { path: t.path(`${directory}/new`) })).dataBase64, 'QQ==');
  }),
  handles.must(9, 'writing by a handle that reads is -32603', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h', path });
    await wire.refuse('fs/writeBlock', { handleId: 'h', offset: 0, chunk: 'QQ==' }, -32603);
  }),
  handles.must(10, 'not found is -32004; what is no regular file is refused', async (t) => {
    const { wire, directory } = await fileWith(t, 'x');
    await wire.refuse('fs/open', { handleId: 'h', path: t.path(`${directory}/no`) }, -32004);
    for (const plain of [directory, '/dev/null']) {
      await wire.refuse('fs/open', { handleId: 'h', path: t.path(plain) }, -32600, -32603);
    }
  }),
  handles.must(11, 'handles of one connection are unknown on another', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    await wire.call(fsOpen, { handleId: 'h', path });
    await (await t.harness()).refuse('fs/readBlock', { handleId: 'h', offset: 0, len: 1 }, -32004);
  }),
  handles.must(12, 'a connection may have 128 handles, and no more', async (t) => {
    const { wire, path } = await fileWith(t, 'x');
    for (let index = 0; index < 128; index++) await wire.call(fsOpen, { handleId: `h${index}`, path });
    await wire.refuse('fs/open', { handleId: 'one more', path });
    await wire.call(fsClose, { handleId: 'h0' });
    await wire.call(fsOpen, { handleId: 'one more', path });
  }),

  walks.must(1, 'lists the tree below, not its root', async (t) => {
    const { wire, directory } = await tree(t);
    const { entries, truncated } = await wire.call(fsWalk, { path: t.path(`${directory}/d`), options: walkOptions });
    expectEqual('the entries', listed(t, `${directory}/d`, entries), ['directory e', 'file e/f', 'file g']);
    expectEqual('truncated', truncated, false);
  }),
  walks.must(2, 'maxDepth and maxEntries cut it, and say so', async (t) => {
    const { wire, directory } = await tree(t);
    const options = { ...walkOptions, maxEntries: 1 };
    const { entries, truncated } = await wire.call(fsWalk, { path: t.path(`${directory}/d`), options });
    expectEqual('entries and truncated', [entries.length, truncated], [1, true]);
  }),
  walks.must(3, 'links to directories are followed when asked for', async (t) => {
    const { wire, directory } = await tree(t);
    const options = { ...walkOptions, followDirectorySymlinks: true };
    const { entries } = await wire.call(fsWalk, { path: t.path(directory), options });
    const below = listed(t, directory, entries).filter((line) => line.includes('f'));
    expectThat(below.length > 0, 'the file f', below);
    await wire.refuse('fs/walk', { path: t.path(directory) }, -32602);
  }),
  walks.must(4, 'all four options are required: -32602', async (t) => {
    const { wire, directory } = await tree(t);
    for (const member of Object.keys(walkOptions)) {
      const options = { ...walkOptions, [member]: undefined };
      await wire.refuse('fs/walk', { path: t.path(directory), options }, -32602);
    }
  }),

  canonical.must(1, 'resolves links', async (t) => {
    const { wire, directory } = await tree(t);
    const { path } = await wire.call(fsCanonicalize, { path: t.path(`${directory}/l/e/f`) });
    expectEqual('the path', path, t.path(`${directory}/d/e/f`));
  }),
  canonical.must(2, 'not found is -32004', async (t) => {
    const { wire, directory } = await tree(t);
    await wire.refuse('fs/canonicalize', { path: t.path(`${directory}/no`) }, -32004);
  }),

  watches.must(1, 'tells when a missing path appears', async (t) => {
    const { wire, directory } = await tree(t);
    const missing = [t.path(`${directory}/later`)];
    const answer = await wire.call(fsWatchMissing, { watchId: 7, missing, present: t.path(directory) });
    expectEqual('the answer', answer, { watching: true });
    await t.sh(wire, `echo x > ${directory}/later`);
    const params = await wire.next('fs/missingChanged', ({ envelope }) =>
      envelope.kind === 'notification' && envelope.method === fsMissingChanged.method ? envelope.params : undefined,
    );
    expectEqual('the params', params, { watchId: 7 });
  }),

  environment.must(1, 'environment/info tells about the machine', async (t) => {
    const wire = await t.harness();
    await wire.call(environmentInfo, {});
    const answer = await wire.ask('environment/info', null);
    expectThat(answer.error === undefined, 'params null to be fine', answer.error);
  }),
  environment.must(2, 'environment/status is ready', async (t) => {
    expectEqual('the status', (await (await t.harness()).call(environmentStatus, {})).status, 'ready');
  }),
  environment.must(3, 'environment/info before the handshake is -32600', async (t) => {
    await (await t.wire()).refuse('environment/info', null, -32600);
  }),
];

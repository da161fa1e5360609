// Defects that the simulation must find: each replaces one piece of the real code, in a build of its own.

import { readFile, rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export interface Mutation {
  readonly name: string;
  /** In shared/relay/. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The defect must show within this many seeds. */
  readonly withinSeeds: number;
}

export const mutations: readonly Mutation[] = [
  {
    name: 'acknowledges the segment that is still missing',
    file: 'receive-buffer.ts',
    find: 'return this.#heldAck ?? serialAdd(this.#window.nextSeq, -1);',
    replace:
      'return this.#heldAck ?? (this.#window.hasGap ? this.#window.nextSeq : serialAdd(this.#window.nextSeq, -1));',
    withinSeeds: 200,
  },
  {
    name: 'delivers duplicates',
    file: 'ack-window.ts',
    find: "if (distance < 0) return 'duplicate';",
    replace: "if (distance < 0) return 'next';",
    withinSeeds: 50,
  },
  {
    name: 'compares sequence numbers without wrapping',
    file: 'ack-window.ts',
    find: 'return (a - b) | 0;',
    replace: 'return a - b;',
    withinSeeds: 50,
  },
  {
    name: 'never resends on a timeout',
    file: 'send-window.ts',
    find: 'let burst = this.#backoff === 0 ? timeoutBurst : 1;',
    replace: 'let burst = 0;',
    withinSeeds: 100,
  },
  {
    name: 'forgets what waits behind a gap',
    file: 'receive-buffer.ts',
    find: '(hadGap ? this.#takeEarly(segment.seq) : undefined)',
    replace: 'undefined',
    withinSeeds: 50,
  },
  {
    name: 'acknowledges early segments that it drops',
    file: 'receive-buffer.ts',
    find: "if (this.#earlyBytes + bytes > this.limits.reorderBytes) return 'dropped';",
    replace:
      "if (this.#earlyBytes + bytes > this.limits.reorderBytes) { this.#window.note(segment.seq); return 'dropped'; }",
    withinSeeds: 1_000,
  },
  {
    name: 'holds early segments without a bound',
    file: 'receive-buffer.ts',
    find: "if (this.#earlyBytes + bytes > this.limits.reorderBytes) return 'dropped';",
    replace: '',
    withinSeeds: 1_000,
  },
  {
    name: 'ignores the window',
    file: 'send-window.ts',
    find: 'if (this.#segments.length === 0) return true;',
    replace: 'if (this.#segments.length >= 0) return true;',
    withinSeeds: 200,
  },
  {
    name: 'sends segments to old peers',
    file: 'send-queue.ts',
    find: 'message.segmentCount = mayCut ? segmentCount(bytes.length, this.segmentBytes) : 1;',
    replace: 'message.segmentCount = segmentCount(bytes.length, this.segmentBytes);',
    withinSeeds: 200,
  },
  {
    name: 'takes the zero of old peers for an acknowledgement',
    file: 'reliable-stream.ts',
    find: "if (frame.ack !== 0 || frame.ackBits !== 0 || body.kind === 'ackFrame') this",
    replace: 'this',
    withinSeeds: 50,
  },
  {
    name: 'waits for acknowledgements of old peers',
    file: 'reliable-stream.ts',
    find: 'if (isReliable ? !this.#window.hasRoomFor(payload.length) : !this.#makeTailRoom(payload.length, nowMs)) {',
    replace: 'if (!this.#window.hasRoomFor(payload.length)) {',
    withinSeeds: 200,
  },
  {
    name: 'forgets unacknowledged segments when the carrier is lost',
    file: 'reliable-stream.ts',
    find: '    this.#carrierIsUp = false;\n',
    replace: '    this.#carrierIsUp = false;\n    this.#window.clear();\n',
    withinSeeds: 100,
  },
  {
    name: 'goes on after a reset',
    file: 'reliable-stream.ts',
    find: "      this.#endWith({ reason: body.reason, by: 'peer' });\n",
    replace: '',
    withinSeeds: 50,
  },
];

const relayFolder = fileURLToPath(new URL('../../shared/relay/', import.meta.url));

/** @returns `simulate` of a build in which the mutation is made. @throws Error when its text is not there any more. */
export async function simulateMutant(mutation: Mutation): Promise<(seed: number) => unknown> {
  const source = await readFile(join(relayFolder, mutation.file), 'utf8');
  const pieces = source.split(mutation.find);
  if (pieces.length !== 2) {
    throw new Error(`"${mutation.name}": its text occurs ${pieces.length - 1} times in ${mutation.file}, not once`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'relay-mutant-'));
  try {
    const outfile = join(folder, 'simulate.mjs');
    const result = await build({
      entryPoints: [fileURLToPath(new URL('simulate.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
      plugins: [
        {
          name: 'mutate',
          setup({ onLoad }) {
            onLoad({ filter: /shared[\\/]relay[\\/][^\\/]*\.ts$/ }, ({ path }) =>
              basename(path) === mutation.file ? { contents: pieces.join(mutation.replace), loader: 'ts' } : undefined,
            );
          },
        },
      ],
    });
    await writeFile(outfile, result.outputFiles[0]?.contents ?? '');
    const module: unknown = await import(/* @vite-ignore */ pathToFileURL(outfile).href);
    if (typeof module !== 'object' || module === null || !('simulate' in module)) throw new Error('no simulate');
    const { simulate } = module;
    if (typeof simulate !== 'function') throw new Error('simulate is no function');
    return (seed) => Reflect.apply(simulate, undefined, [seed]) as unknown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

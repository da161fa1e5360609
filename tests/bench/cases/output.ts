// How fast a process's output reaches a harness, what that costs the server, and whether every byte arrives.
// The process is `cat` of a file in the page cache: random bytes by pipe, lines of text by PTY.

import { createCipheriv, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { recordOutput } from '../recording.ts';
import type { BenchCase } from '../suite.ts';

const MIB = 1024 * 1024;
const LINE_CHARACTERS = 76;
/** Base64 makes 4/3 of it, and each of the peers' chunks of 1 to 8 KiB has about 130 bytes around it. */
const RECORDED_BYTES_PER_BYTE = 1.6;

/** Bytes that are the same in every run and do not repeat, so that a lost or misplaced chunk changes the hash. */
function noise(bytes: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

function textLines(bytes: number): Buffer {
  const text = noise(Math.ceil((bytes * 3) / 4)).toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** One buffer for all rounds: its pages are mapped by the first (uncounted) round. */
let arena = Buffer.alloc(0);
function arenaFor(bytes: number): Buffer {
  const needed = Math.ceil(bytes * RECORDED_BYTES_PER_BYTE) + MIB;
  if (arena.length < needed) arena = Buffer.allocUnsafeSlow(needed).fill(1);
  return arena;
}

interface Source {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

function outputCase(name: string, tty: boolean): BenchCase {
  const kind = tty ? 'PTY' : 'pipe';
  const sources = new Map<string, Source>();

  function sourceIn(folder: string, isQuick: boolean): Source {
    const file = join(folder, `${name}-${isQuick ? 'quick' : 'full'}`);
    const known = sources.get(file);
    if (known) return known;
    const megabytes = (tty ? 32 : 128) / (isQuick ? 4 : 1);
    const content = tty ? textLines(megabytes * MIB) : noise(megabytes * MIB);
    writeFileSync(file, content);
    // A terminal sends CR LF for each LF, unless told otherwise.
    const expected = tty ? Buffer.from(content.toString('latin1').replaceAll('\n', '\r\n'), 'latin1') : content;
    const source = { file, bytes: expected.length, sha256: createHash('sha256').update(expected).digest('hex') };
    sources.set(file, source);
    return source;
  }

  return {
    name,
    state: 'warm',
    deadlineMs: 60_000,
    metrics: [
      { key: 'rate', title: `${kind} output`, unit: 'MB/s', better: 'higher', digits: 0 },
      { key: 'cpu', title: `${kind} output, server CPU`, unit: 's/GB', better: 'lower', digits: 2 },
      { key: 'lost', title: `${kind} output, bytes lost`, unit: 'bytes', better: 'lower', digits: 0 },
      { key: 'client', title: `${kind} output: load client busy`, unit: '%', better: 'none', digits: 0 },
    ],
    async run({ connect, folder, isQuick, server }) {
      const source = sourceIn(folder, isQuick);
      const client = await connect({ buffer: arenaFor(source.bytes), isRecording: true });
      const pids = server.pids();
      const cpuBefore = server.cpuSeconds(pids);
      const recording = await recordOutput(client, ['/bin/cat', source.file], tty);
      const cpu = ((server.cpuSeconds(pids) - cpuBefore) / recording.bytes) * 1e9;
      const lost = source.bytes - recording.bytes;
      if (lost === 0 && recording.sha256 !== source.sha256) {
        throw new Error(`${kind} output has the right length and the wrong SHA-256`);
      }
      return { rate: recording.bytesPerSecond / 1e6, cpu, lost, client: recording.clientBusy * 100 };
    },
  };
}

export const pipeOutput = outputCase('output-pipe', false);
export const ptyOutput = outputCase('output-pty', true);

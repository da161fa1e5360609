// Files as web streams, by blocks of an open handle; by whole files where the server has no handles (0.131).

import { base64Encode, concatBytes, tryBase64Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import { limits } from '../limits.ts';
import * as protocol from '../protocol/fs.ts';
import { randomId } from './exec.ts';
import { isMethodNotFound, type Abortable, type RemoteFiles } from './files.ts';
import type { ExecServerClient } from './harness.ts';

export interface ReadStreamOptions extends Abortable {
  /** First byte; default 0. */
  readonly start?: number;
  /** Byte after the last one; default: the end of the file. */
  readonly end?: number;
}

type Connect = () => ExecServerClient | Promise<ExecServerClient>;

/** Small enough that others of the connection get their turn, in bytes. */
const blockBytes = 256 * 1024;
/** Blocks that are asked for before they are needed: the way to the server takes its time. */
const blocksAhead = 4;
/** Where a file can only be written at once: the most that fits a message, in bytes. */
const maxWholeBytes = Math.floor((limits.maxMessageBytes * 3) / 4) - 4096;

export function openReadStream(
  files: RemoteFiles,
  connect: Connect,
  path: string,
  { start = 0, end = Infinity, signal }: ReadStreamOptions,
): ReadableStream<Uint8Array> {
  let blocks: AsyncGenerator<Uint8Array, void> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        blocks ??= readBlocks(files, connect, path, start, end, signal);
        const next = await blocks.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: async () => {
        await blocks?.return();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* readBlocks(
  files: RemoteFiles,
  connect: Connect,
  path: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const client = await connect();
  const handleId = randomId();
  try {
    await client.paths.use((wire) => client.call(protocol.fsOpen, { handleId, path: wire(path) }, { signal }));
  } catch (error) {
    if (!isMethodNotFound(error)) throw error;
    const whole = await files.readFile(path, { signal });
    const part = whole.subarray(start, end);
    if (part.length > 0) yield part;
    return;
  }
  const ask = (offset: number) => {
    const len = Math.min(blockBytes, end - offset);
    const answer = client.call(protocol.fsReadBlock, { handleId, offset, len }, { signal });
    answer.catch(() => undefined); // told when its turn comes, unless the reader has gone
    return answer;
  };
  try {
    const asked: ReturnType<typeof ask>[] = [];
    for (let next = start; next < end || asked.length > 0;) {
      // The first one alone: most files have no second.
      const ahead = next === start ? 1 : blocksAhead;
      for (; asked.length < ahead && next < end; next += blockBytes) asked.push(ask(next));
      const block = await asked.shift();
      if (!block) return;
      const bytes = tryBase64Decode(block.chunk);
      if (!bytes) throw new LocalError('protocol', 'the answer to fs/readBlock holds no base64');
      if (bytes.length > 0) yield bytes;
      if (block.eof) return;
    }
  } finally {
    closeHandle(client, handleId);
  }
}

export function openWriteStream(
  files: RemoteFiles,
  connect: Connect,
  path: string,
  { signal }: Abortable,
): WritableStream<Uint8Array> {
  const handleId = randomId();
  let client: ExecServerClient | undefined;
  let offset = 0;
  /** What was written, where the server has no handles. */
  let whole: Uint8Array[] | undefined;
  const end = () => {
    if (client && !whole) closeHandle(client, handleId);
  };
  return new WritableStream<Uint8Array>(
    {
      start: async () => {
        const opening = await connect();
        try {
          await opening.paths.use((wire) =>
            opening.call(protocol.fsOpen, { handleId, path: wire(path), mode: 'replace' }, { signal }),
          );
        } catch (error) {
          if (!isMethodNotFound(error)) throw error;
          whole = [];
        }
        client = opening;
      },
      write: async (bytes) => {
        if (!client) return;
        if (whole) {
          if (offset + bytes.length > maxWholeBytes)
            throw new LocalError('invalid-argument', `this server takes files of ${maxWholeBytes} bytes at most`);
          whole.push(bytes.slice());
          offset += bytes.length;
          return;
        }
        try {
          for (let at = 0; at < bytes.length; at += blockBytes) {
            const block = bytes.subarray(at, at + blockBytes);
            await client.call(protocol.fsWriteBlock, { handleId, offset, chunk: base64Encode(block) }, { signal });
            offset += block.length;
          }
        } catch (error) {
          end();
          throw error;
        }
      },
      close: async () => {
        if (whole) await files.writeFile(path, concatBytes(whole), { signal });
        else await client?.call(protocol.fsClose, { handleId });
      },
      abort: end,
    },
    { highWaterMark: 1 },
  );
}

/** A connection that has ended has closed its handles. */
function closeHandle(client: ExecServerClient, handleId: string): void {
  client.call(protocol.fsClose, { handleId }).catch(() => undefined);
}

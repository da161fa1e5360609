// Rows ⇄ files: JSON lines as `exec-workbench tap` writes them, and HAR as browsers write it. Secrets are taken out on the way
// to a file; what comes from one is checked, since others wrote it.

import * as z from 'zod';
import { base64Encode, tryBase64Decode } from '../../../../shared/bytes.ts';
import { LocalError } from '../../../../shared/errors.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { entryLine, headerLine, readRecording, type Recording } from '../../../../shared/recording/jsonl.ts';
import { redactEntry } from '../../../../shared/recording/redact.ts';
import { takeInStretches } from './stretches.ts';

export interface Source {
  /** Since 1970, ms: what `atMs` of the entries counts from. */
  readonly startedAtMs: number;
  readonly entries: readonly WireEntry[];
}

export function toJsonLines({ startedAtMs, entries }: Source): string {
  const header = headerLine({ startedAt: new Date(startedAtMs), about: 'exec-workbench inspector' });
  return [header, ...entries.map((entry) => entryLine(redactEntry(entry))), ''].join('\n');
}

/** WebSocket opcodes. */
const Opcode = { text: 1, binary: 2 } as const;

/**
 * HAR 1.2 with `_webSocketMessages`, as Chrome has them: `time` in seconds since 1970, binary data as base64. An entry per
 * connection that was opened. Of a relay connection these are its frames: its messages are inside of them.
 */
export function toHar({ startedAtMs, entries }: Source, creatorVersion: string): string {
  const hasFrames = new Set(entries.filter(({ kind }) => kind === 'frame').map(({ connection }) => connection));
  const open = new Map<string, ReturnType<typeof harEntry>>();
  const all: ReturnType<typeof harEntry>[] = [];
  for (const entry of entries) {
    const isOpening = entry.kind === 'event' && entry.event === 'open';
    let har = open.get(entry.connection);
    if (!har || isOpening) {
      if (entry.kind === 'event' && !isOpening) continue;
      har = harEntry(startedAtMs + entry.atMs, entry.kind === 'event' ? entry.detail : '');
      open.set(entry.connection, har);
      all.push(har);
    }
    har.time = startedAtMs + entry.atMs - Date.parse(har.startedDateTime);
    const redacted = redactEntry(entry);
    if (redacted.kind === 'event' || (redacted.kind === 'message' && hasFrames.has(entry.connection))) continue;
    har._webSocketMessages.push({
      type: redacted.dir === 'out' ? 'send' : 'receive',
      time: (startedAtMs + entry.atMs) / 1000,
      opcode: redacted.kind === 'frame' ? Opcode.binary : Opcode.text,
      data: redacted.kind === 'frame' ? base64Encode(redacted.bytes) : redacted.text,
    });
  }
  const creator = { name: 'exec-workbench', version: creatorVersion };
  return JSON.stringify({ log: { version: '1.2', creator, pages: [], entries: all } }, null, 1);
}

function harEntry(openedAtMs: number, address: string) {
  const url = /^wss?:\/\//.test(address) ? address : 'ws://unknown/';
  const common = { httpVersion: 'HTTP/1.1', cookies: [], headers: [], headersSize: -1 };
  return {
    _resourceType: 'websocket',
    _webSocketMessages: [] as { type: 'send' | 'receive'; time: number; opcode: number; data: string }[],
    startedDateTime: new Date(openedAtMs).toISOString(),
    time: 0,
    request: { method: 'GET', url, ...common, queryString: [], bodySize: 0 },
    response: {
      status: 101,
      statusText: 'Switching Protocols',
      ...common,
      content: { size: 0, mimeType: 'x-unknown' },
      redirectURL: '',
      bodySize: -1,
    },
    cache: {},
    timings: { send: 0, wait: 0, receive: 0 },
  };
}

const harSchema = z.object({
  log: z.object({
    entries: z.array(
      z.object({
        startedDateTime: z.iso.datetime({ offset: true }),
        request: z.object({ url: z.string() }),
        _webSocketMessages: z
          .array(
            z.object({ type: z.enum(['send', 'receive']), time: z.number(), opcode: z.number(), data: z.string() }),
          )
          .optional(),
      }),
    ),
  }),
});

/**
 * A recording in either form, read a little at a time.
 * @param onProgress told the share that is done, 0 … 1
 * @throws LocalError `invalid-argument` that says where it is wrong.
 */
export async function readRecordingFile(
  text: string,
  onProgress: (share: number) => void = () => undefined,
): Promise<Recording> {
  if (/^\s*\{\s*"log"/.test(text)) return fromHar(text);
  const { header, maxCount, entries } = readRecording(text);
  const read = await takeInStretches(entries, (count) => onProgress(count / maxCount));
  return { ...header, entries: read };
}

function fromHar(text: string): Recording {
  const parsed = harSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LocalError('invalid-argument', `not a HAR file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const sockets = parsed.data.log.entries.filter(({ _webSocketMessages: messages }) => messages !== undefined);
  if (sockets.length === 0) throw new LocalError('invalid-argument', 'the HAR file holds no WebSocket messages');
  const startedAtMs = Math.min(...sockets.map(({ startedDateTime }) => Date.parse(startedDateTime)));
  const entries = sockets.flatMap(({ startedDateTime, request, _webSocketMessages: messages = [] }, index) => {
    const connection = `h${index + 1}`;
    const at = (ms: number) => ({ connection, atMs: Math.max(0, ms - startedAtMs) });
    const detail = request.url.replace(/[?#].*$/s, '');
    const opened: WireEntry = { kind: 'event', event: 'open', ...at(Date.parse(startedDateTime)), detail };
    const rest = messages.map(({ type, time, opcode, data }): WireEntry => {
      const common = { dir: type === 'send' ? 'out' : 'in', ...at(time * 1000) } as const;
      const bytes = opcode === Opcode.binary ? tryBase64Decode(data) : undefined;
      return bytes ? { kind: 'frame', ...common, bytes } : { kind: 'message', ...common, text: data };
    });
    return [opened, ...rest];
  });
  return { startedAt: new Date(startedAtMs), entries: entries.sort((a, b) => a.atMs - b.atMs) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LocalError('invalid-argument', `the HAR file is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

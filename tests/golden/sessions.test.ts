// Every recorded session is played against our server over every transport that can carry it, and, when asked for,
// against another server as it was recorded:
//   GOLDEN_PEER=/path/to/codex npx vitest run --project golden
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carryStdio, connectWebSocket } from '../helpers/carriers.ts';
import { startHttpFixture, type HttpFixture } from '../../backend/cli/conform/http-fixture.ts';
import { spawnStdioServer, useServer, type RunningServer, type ServerOptions } from '../helpers/server.ts';
import { ours, transports, whyNotOver, type Transport } from './decisions.ts';
import { replay, type Subject } from './replay.ts';
import type { Scenario } from '../../shared/scenario/scenario.ts';
import { loadTranscripts } from './transcript.ts';

/** What the recorded server had in its environment; session 25 depends on it. */
const env = {
  HOME: process.env['HOME'] ?? '/',
  PATH: '/usr/bin:/bin',
  WIRE_A: 'alpha',
  WIRE_SECRET_KEY: 's3cret',
};

const transcripts = loadTranscripts();
const peer = process.env['GOLDEN_PEER'];

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttpFixture();
});
afterAll(() => http.close());

async function play(transcript: Scenario, subject: Subject, expectsCloseFrame: boolean): Promise<string[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'golden-')));
  const bindings = new Map([
    ['$TMP', folder],
    ['$HTTP', http.url],
  ]);
  try {
    return await replay(transcript, subject, { bindings, expectsCloseFrame });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listening(server: RunningServer): Subject {
  return { open: () => connectWebSocket(server.url), address: `127.0.0.1:${String(server.port)}` };
}

function onStdio(options: ServerOptions): Subject {
  const server = spawnStdioServer(options);
  return {
    open: () => Promise.resolve(carryStdio(server.child)),
    exitCode: server.exited.then((exit) => exit.code),
  };
}

describe.each(transports)('over %s', (transport: Transport) => {
  const played = transcripts.filter(({ scenario }) => whyNotOver(transport, scenario) === undefined);
  const isStdio = transport === 'exec-server stdio';
  const server = isStdio ? undefined : useServer({ env, command: transport === 'serve' ? 'serve' : 'exec-server' });

  it.concurrent.each(played)('$scenario: $about', async (transcript) => {
    const subject = server ? listening(server.current) : onStdio({ env });
    expect(await play(ours(transcript, transport), subject, !isStdio)).toEqual([]);
  });
});

if (peer !== undefined) {
  describe('the recorded server itself', () => {
    const program = [peer];
    const server = useServer({ env, program });

    it.concurrent.each(transcripts)('$scenario', async (transcript) => {
      const subject = transcript.transport === 'stdio' ? onStdio({ env, program }) : listening(server.current);
      expect(await play(transcript, subject, false)).toEqual([]);
    });
  });
}

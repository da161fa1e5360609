// Our harness: the client library as others use it, by the id of the executor.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connectRelay } from '../../../backend/client/connect.ts';
import type { ClientStatus, ExecServerClient } from '../../../shared/client/harness.ts';
import { fsReadFile, fsWriteFile } from '../../../shared/protocol/fs.ts';
import { within } from '../../helpers/until.ts';
import {
  allTicks,
  assertAllTicks,
  OUTPUT_BYTES,
  TICKING,
  untilTicking,
  type CheckId,
  type CutEnd,
  type InteropHarness,
  type Place,
  type Seen,
} from './checks.ts';

interface Ran {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly pty: Buffer;
  readonly exitCode: number | undefined;
}

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
const deadlineMs = 30_000;

export class OwnHarness implements InteropHarness {
  #lastId = 0;

  private constructor(
    private readonly client: ExecServerClient,
    private readonly statuses: readonly ClientStatus[],
  ) {}

  static async connect(registry: string, token: string, executorId: string): Promise<OwnHarness> {
    const statuses: ClientStatus[] = [];
    const onStatus = (status: ClientStatus): void => void statuses.push(status);
    return new OwnHarness(await connectRelay({ registry, token, executorId, onStatus }), statuses);
  }

  async close(): Promise<void> {
    this.client.close();
    await this.client.whenClosed;
  }

  async run(check: CheckId, place: Place): Promise<Seen> {
    return { verdict: 'pass', evidence: await this.#checks[check](place) };
  }

  readonly #checks: Readonly<Record<CheckId, (place: Place) => Promise<string>>> = {
    command: async ({ cwd }) => {
      const { stdout, stderr, exitCode } = await this.#command('echo to-stdout; echo to-stderr >&2; exit 3', cwd);
      assert.deepEqual([stdout.toString(), stderr.toString(), exitCode], ['to-stdout\n', 'to-stderr\n', 3]);
      const signalled = await this.#command('kill -9 $$', cwd);
      return `stdout, stderr and exit code 3 exact; SIGKILL ${String(signalled.exitCode)}`;
    },
    tty: async ({ cwd }) => {
      let seen = '';
      let onPrompt: () => void = () => undefined;
      const prompted = new Promise<void>((resolve) => (onPrompt = resolve));
      const params = this.#params('stty size; printf "name? "; read -r name; echo "hello $name"', cwd, true);
      const handle = await this.client.start(params, {
        onOutput: ({ bytes }) => {
          seen += Buffer.from(bytes).toString();
          if (seen.includes('name? ')) onPrompt();
        },
      });
      await within('the prompt', deadlineMs, prompted);
      assert.equal(await handle.write(Buffer.from('you\n')), 'accepted');
      assert.equal(await within('the end', deadlineMs, handle.closed()), 0);
      assert.match(seen, /hello you\r\n$/);
      return `prompt, echo and answer; ${seen.slice(0, seen.indexOf('\r')).replace(' ', ' rows, ')} columns`;
    },
    output: async ({ cwd }) => {
      const written = randomBytes(OUTPUT_BYTES);
      await writeFile(path.join(cwd, 'much'), written);
      const { stdout, exitCode } = await this.#command('cat much', cwd);
      assert.equal(exitCode, 0);
      assert.equal(sha256(stdout), sha256(written), `${String(stdout.length)} bytes, SHA-256 differs`);
      return `${String(stdout.length)} random bytes at full speed, SHA-256 equal`;
    },
    file: async ({ cwd }) => {
      const content = randomBytes(1_000_000);
      const at = path.join(cwd, 'fs file');
      await this.client.call(fsWriteFile, { path: at, dataBase64: content.toString('base64') });
      assert.ok((await readFile(at)).equals(content), 'not what was written');
      const { dataBase64 } = await this.client.call(fsReadFile, { path: at });
      assert.ok(Buffer.from(dataBase64, 'base64').equals(content), 'not what was read');
      return '1,000,000 random bytes by fs/writeFile and fs/readFile, equal';
    },
    'harness-cut': (place) => this.#cut('harness', place),
    'executor-cut': (place) => this.#cut('executor', place),
  };

  async #cut(end: CutEnd, { cwd, cut }: Place): Promise<string> {
    const sessionId = this.client.sessionId;
    const before = this.statuses.length;
    const ticking = this.#command(TICKING, cwd);
    await untilTicking(cwd);
    await cut(end);
    const { stdout, exitCode } = await ticking;
    assertAllTicks(stdout.toString(), exitCode);
    assert.equal(this.client.sessionId, sessionId, 'the session is another one');
    const resumes = this.statuses.slice(before).filter((status) => status.phase === 'ready').length;
    return `${allTicks}; ${resumes === 0 ? 'the stream was resumed' : 'the session was resumed on a new stream'}`;
  }

  #params(script: string, cwd: string, tty: boolean): Parameters<ExecServerClient['start']>[0] {
    return { processId: `p${String(++this.#lastId)}`, argv: ['/bin/bash', '-c', script], cwd, env, tty };
  }

  async #command(script: string, cwd: string): Promise<Ran> {
    const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], pty: [] as Uint8Array[] };
    let why = '';
    const handle = await this.client.start(this.#params(script, cwd, false), {
      onOutput: ({ stream, bytes }) => parts[stream].push(bytes),
      onLost: ({ fromSeq, toSeq }) => (why = `output ${String(fromSeq)} to ${String(toSeq)} was lost`),
      onAbandoned: (reason) => (why = reason),
    });
    const exitCode = await within(`the end of "${script}"`, deadlineMs, handle.closed());
    assert.equal(why, '');
    const { stdout, stderr, pty } = parts;
    return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), pty: Buffer.concat(pty), exitCode };
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

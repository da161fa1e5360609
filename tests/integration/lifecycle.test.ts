// Start, exit codes, environment and identity of processes (docs/protocol.md §4.1, §7; promises 13, 14, 15, 21).
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../helpers/json.ts';
import { zombiesOf } from '../helpers/proc.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';
import { AnswerError, type WireClient } from '../helpers/wire-client.ts';

const server = useServer();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifecycle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const kinds = [
  { kind: 'pipe', tty: false },
  { kind: 'pty', tty: true },
];

describe('exit codes', () => {
  it('are exact from 0 to 255 by pipe', async () => {
    const client = await server.current.connect();
    const codes = Array.from({ length: 256 }, (_value, code) => code);
    const views = await Promise.all(codes.map((code) => client.run(['sh', '-c', `exit ${String(code)}`], {}, 30_000)));
    expect(views.map((view) => view.exitCode)).toEqual(codes);
  });

  it('are exact by pty', async () => {
    const client = await server.current.connect();
    const codes = [0, 1, 2, 7, 63, 64, 126, 127, 128, 129, 137, 200, 254, 255];
    const views = await Promise.all(
      codes.map((code) => client.run(['sh', '-c', `exit ${String(code)}`], { tty: true }, 30_000)),
    );
    expect(views.map((view) => view.exitCode)).toEqual(codes);
  });

  it.each(kinds)('are 128 + the signal that ended the child, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    // HUP INT QUIT ABRT KILL USR1 SEGV PIPE ALRM TERM: a blocked or ignored one would leave the child alive.
    const signals = [1, 2, 3, 6, 9, 10, 11, 13, 14, 15];
    const views = await Promise.all(
      signals.map((signal) => client.run(['sh', '-c', `ulimit -c 0; kill -${String(signal)} $$; exit 99`], { tty })),
    );
    expect(views.map((view) => view.exitCode)).toEqual(signals.map((signal) => 128 + signal));
  });
});

describe('a start that the operating system refuses', () => {
  const env = { PATH: '/usr/bin:/bin' };
  const impossible = (): [string, JsonObject][] => [
    ['no such absolute program', { argv: ['/no/such/program'] }],
    ['no such program in PATH', { argv: ['no-such-program'] }],
    ['no such relative program', { argv: ['./no-such-program'], cwd: folder }],
    ['a directory as program', { argv: ['/tmp'] }],
    ['a file without the execute bit', { argv: [join(folder, 'plain')] }],
    ['a file in no executable format', { argv: [join(folder, 'garbage')] }],
    ['a script whose interpreter is missing', { argv: [join(folder, 'orphan-script')] }],
    ['a program below a file', { argv: ['/etc/passwd/sh'] }],
    ['a program name that is too long', { argv: [`/bin/${'x'.repeat(300)}`] }],
    ['a link that leads nowhere', { argv: [join(folder, 'dangling')] }],
    ['a link that leads to itself', { argv: [join(folder, 'loop')] }],
    ['an empty PATH of the child', { argv: ['true'], env: { PATH: '/nonexistent' } }],
    ['an empty program name', { argv: [''] }],
    ['an empty argv', { argv: [] }],
    ['a cwd that does not exist', { argv: ['true'], cwd: '/no/such/directory' }],
    ['a cwd that is a file', { argv: ['true'], cwd: '/etc/passwd' }],
    ['a cwd below a file', { argv: ['true'], cwd: '/etc/passwd/below' }],
    ['an argument with a NUL byte', { argv: ['true', 'a\0b'] }],
    ['an environment value with a NUL byte', { argv: ['true'], env: { ...env, A: 'a\0b' } }],
    ['an argument that is longer than the system takes', { argv: ['true', 'x'.repeat(200_000)] }],
  ];

  beforeAll(async () => {
    await writeFile(join(folder, 'plain'), 'true');
    await writeFile(join(folder, 'garbage'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 9, 9, 9, 9, 0, 1, 2, 3]));
    await chmod(join(folder, 'garbage'), 0o755);
    await writeFile(join(folder, 'orphan-script'), '#!/no/such/interpreter\n');
    await chmod(join(folder, 'orphan-script'), 0o755);
    await symlink('/no/such/target', join(folder, 'dangling'));
    await symlink('loop', join(folder, 'loop'));
  });

  it.each(kinds)(
    'is an error by $kind, 20 of 20, leaves no zombie, and its processId is free again',
    async ({ tty }) => {
      const client = await server.current.connect();
      const codes: Record<string, number | undefined> = {};
      for (const [name, params] of impossible()) {
        const answer = await client.request('process/start', { processId: 'same', cwd: '/', env, tty, ...params });
        codes[name] = answer.error?.code;
      }
      const wanted = Object.fromEntries(
        impossible().map(([name]) => [name, name === 'an empty argv' ? -32602 : -32603]),
      );
      expect(codes).toEqual(wanted);
      const after = await client.run(['true'], { processId: 'same', tty });
      expect(after.exitCode).toBe(0);
      expect(after.seqs).toEqual([1, 2]);
      await until('no zombies', () => zombiesOf(server.current.pid).length === 0);
    },
  );
});

describe('identity and environment', () => {
  it.each(kinds)('arg0 becomes argv[0] of the program that argv names, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/sh', '-c', 'printf "[%s]" "$0"'], { tty, arg0: 'another-name' });
    expect(view.text()).toBe('[another-name]');
  });

  it('the environment is exactly env, by pipe', async () => {
    const client = await server.current.connect();
    const view = await client.run(['/usr/bin/env'], { env: { ONLY: 'one two', 'odd-name': '=' } });
    expect(view.text().trim().split('\n').sort()).toEqual(['ONLY=one two', 'odd-name==']);
  });

  it('the environment is env by pty, with SHELL added at most', async () => {
    const client = await server.current.connect();
    const view = await client.run(['/usr/bin/env'], { env: { ONLY: 'one' }, tty: true });
    const lines = view.text().trim().split('\r\n');
    expect(lines.filter((line) => !line.startsWith('SHELL='))).toEqual(['ONLY=one']);
  });

  it('inherit all gives what the server was given, and nothing of its own making', async () => {
    const given = { HOME: '/', PATH: '/usr/bin:/bin', GIVEN: 'yes' };
    const other = await startServer({ env: given });
    const client = await other.connect();
    const envPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    const view = await client.run(['/usr/bin/env'], { env: {}, envPolicy });
    const names = view
      .text()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.sort()).toEqual(['GIVEN', 'HOME', 'PATH']);
  });

  it.each(kinds)('cwd is a plain path or a file URI, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const odd = join(folder, 'ü and space');
    await mkdir(odd, { recursive: true });
    for (const cwd of [odd, pathToFileURL(odd).href]) {
      const view = await client.run(['/bin/pwd', '-P'], { cwd, tty });
      expect(view.text().trim()).toBe(odd);
    }
  });

  it('a processId is refused while it is in use and free once the closed process is forgotten', async () => {
    const other = await startServer({ args: ['--closed-process-retention-ms', '200'] });
    const client = await other.connect();
    const first = await client.start({ argv: ['cat'], processId: 'again', pipeStdin: true });
    const fine = { argv: ['true'], processId: 'again', cwd: '/', env: {}, tty: false };
    const inUse = { error: { code: -32600, message: 'process again already exists' } };
    expect(await client.request('process/start', fine)).toEqual(inUse);
    await client.terminate('again');
    await within('closed', 5_000, first.closed);
    expect(await client.request('process/start', fine)).toEqual(inUse);
    await until('the process to be forgotten', async () => {
      const answer = await client.request('process/read', { processId: 'again' });
      return answer.error?.message.includes('unknown process id again');
    });
    const second = await client.run(['true'], { processId: 'again' });
    expect(second.seqs).toEqual([1, 2]);
  });

  it('any text is a processId', async () => {
    const client = await server.current.connect();
    for (const processId of ['', ' ', 'ü/\\"\n', '__proto__', 'constructor', 'x'.repeat(10_000)]) {
      const view = await client.run(['echo', 'here'], { processId });
      expect(view.text()).toBe('here\n');
    }
  });
});

describe('a child starts clean', () => {
  /** Other sessions' terminals, pipes and files must not be seen in the child. */
  async function busy(client: WireClient): Promise<void> {
    for (const tty of [true, false, true, false]) await client.start({ argv: ['sleep', '600'], tty, pipeStdin: !tty });
    await writeFile(join(folder, 'open'), 'x');
    await client.call('fs/open', { handleId: 'h', path: join(folder, 'open') });
  }

  it.each(kinds)('with the descriptors 0 to 2 only, by $kind', async ({ tty }) => {
    await busy(await server.current.connect());
    const client = await server.current.connect();
    const view = await client.run(['/bin/ls', '/proc/self/fd'], { tty });
    // 3 is the directory that ls itself reads.
    expect(view.text().split(/\s+/).filter(Boolean)).toEqual(['0', '1', '2', '3']);
  });

  it('with the descriptors 0 to 2 only, when many start in the same moment', async () => {
    const client = await server.current.connect();
    const views = await Promise.all(
      Array.from({ length: 60 }, (_value, index) => client.run(['/bin/ls', '/proc/self/fd'], { tty: index % 3 === 0 })),
    );
    for (const view of views) expect(view.text().split(/\s+/).filter(Boolean)).toEqual(['0', '1', '2', '3']);
  });

  it.each(kinds)('with no signal blocked or ignored, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/cat', '/proc/self/status'], { tty });
    // Signals 32 and 33 are the C library's own: its posix_spawn leaves them ignored, and it takes them back when needed.
    const own = 0x1_8000_0000n;
    const mask = (name: string): bigint =>
      BigInt(`0x${new RegExp(`^${name}:\\s+(\\w+)$`, 'm').exec(view.text().replaceAll('\r', ''))?.[1] ?? 'f'}`) & ~own;
    expect([mask('SigBlk'), mask('SigIgn'), mask('SigCgt')]).toEqual([0n, 0n, 0n]);
  });

  it.each(kinds)('as the leader of its own session and group, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/cat', '/proc/self/stat'], { tty });
    const [pid, , , , group, session, terminal] = view.text().split(' ');
    expect({ group, session }).toEqual({ group: pid, session: pid });
    expect(terminal !== '0').toBe(tty);
  });

  it('with a terminal of 24 rows and 80 columns, cooked, with echo', async () => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/sh', '-c', 'stty size; stty -a'], { tty: true });
    expect(view.text()).toMatch(/^24 80\r\n/);
    expect(view.text()).toMatch(/ icanon .* echo /s);
  });

  it('with stdin, stdout and stderr that can be opened again by name', async () => {
    const client = await server.current.connect();
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin; echo more > /proc/self/fd/1';
    const view = await client.start({ argv: ['/bin/sh', '-c', script], pipeStdin: true });
    await client.write(view.processId, 'typed\n');
    await client.waitForText(view, 'typed');
    await client.call('process/closeStdin', { processId: view.processId });
    await within('the end', 5_000, view.closed);
    expect(view.text('stdout')).toBe('out\ntyped\nmore\n');
    expect(view.text('stderr')).toBe('err\n');
    expect(view.exitCode).toBe(0);
  });

  it('with stdin at its end when pipeStdin is not asked for', async () => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/sh', '-c', 'cat; cat /dev/stdin; echo end']);
    expect(view.text()).toBe('end\n');
  });
});

describe('params', () => {
  it('that do not fit are -32602 and name the member', async () => {
    const client = await server.current.connect();
    const fine = { processId: 'x', argv: ['true'], cwd: '/', env: {}, tty: false };
    const wrong: [JsonObject, string][] = [
      [{ ...fine, argv: 'true' }, 'argv'],
      [{ ...fine, argv: ['true', 1] }, 'argv'],
      [{ ...fine, env: [] }, 'env'],
      [{ ...fine, env: { A: null } }, 'env'],
      [{ ...fine, tty: 1 }, 'tty'],
      [{ ...fine, pipeStdin: null }, 'pipeStdin'],
      [{ ...fine, cwd: null }, 'cwd'],
      [{ ...fine, processId: 7 }, 'processId'],
      [{ ...fine, arg0: 7 }, 'arg0'],
    ];
    for (const [params, member] of wrong) {
      const answer = await client.request('process/start', params);
      expect(answer.error, member).toMatchObject({ code: -32602, message: expect.stringContaining(member) as string });
    }
    await expect(client.start({ argv: ['true'], processId: 'x' })).resolves.toBeDefined();
    await expect(client.call('process/read', { processId: 'x', waitMs: -1 })).rejects.toBeInstanceOf(AnswerError);
  });
});

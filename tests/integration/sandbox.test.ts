// process/start with a sandbox: confined, or refused, never run unconfined (docs/protocol.md, "Sandbox").
// fs/* under a sandbox are in sandbox-files.test.ts.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../helpers/json.ts';
import { describeProcesses, runningWithEnv } from '../helpers/proc.ts';
import { serverProgram, startServer, TAG, useServer } from '../helpers/server.ts';
import { until } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const server = useServer();
const top = mkdtempSync(join(tmpdir(), 'sandbox-'));
const work = join(top, 'work');
afterAll(() => rmSync(top, { recursive: true, force: true }));

const special = (kind: string, access: string, more: JsonObject = {}): JsonObject => ({
  path: { type: 'special', value: { kind, ...more } },
  access,
});

/** As Codex 0.169.0 sends them. */
function context(network: 'restricted' | 'enabled', ...entries: JsonObject[]): JsonObject {
  return {
    permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network },
    cwd: `file://${work}`,
    workspaceRoots: [`file://${work}`],
    windowsSandboxLevel: 'disabled',
    useLegacyLandlock: false,
  };
}
const readOnly = context('restricted', special('root', 'read'));
const workspace = context('restricted', special('root', 'read'), special('project_roots', 'write'), {
  ...special('project_roots', 'read', { subpath: '.git' }),
  missing_path_behavior: 'skip',
});

let client: WireClient;
beforeAll(() => {
  mkdirSync(join(work, '.git'), { recursive: true });
  writeFileSync(join(work, '.git', 'config'), 'mine');
  writeFileSync(join(top, 'outside'), 'outside');
});
beforeEach(async () => {
  client = await server.current.connect();
});

const shell = (script: string, sandbox: JsonObject, more: JsonObject = {}) =>
  client.run(['sh', '-c', script], { cwd: work, sandbox, ...more });

describe.each([
  ['by pipe', false],
  ['on a terminal', true],
])('a confined process %s', (_, tty) => {
  it('writes where it may and nowhere else, and a failure is told from others', async () => {
    const fine = await shell('echo new > made && cat made', workspace, { tty });
    expect([fine.exitCode, fine.text().trim()]).toEqual([0, 'new']);
    for (const script of [
      `echo x > ${top}/outside`,
      'echo x > .git/config',
      'mv .git .former',
      'rm -r .git',
      `echo x > /proc/self/root${top}/outside`,
      `echo x > /proc/1/root${top}/outside`,
      `echo x > ../outside`,
      `ln -s ${top} out && echo x > out/outside`,
    ]) {
      const view = await shell(script, workspace, { tty });
      expect(view.exitCode, script).not.toBe(0);
      expect(await client.call('process/read', { processId: view.processId }), script).toMatchObject({
        sandboxDenied: true,
      });
    }
    expect(readFileSync(join(top, 'outside'), 'utf8')).toBe('outside');
    expect(readFileSync(join(work, '.git', 'config'), 'utf8')).toBe('mine');
    const other = await shell('echo cannot; exit 3', workspace, { tty });
    expect(await client.call('process/read', { processId: other.processId })).toMatchObject({
      exitCode: 3,
      sandboxDenied: false,
    });
  });

  it('ends with the exact code or signal, and sees signals as it would unconfined', async () => {
    for (const code of [0, 1, 42, 255]) expect((await shell(`exit ${code}`, readOnly, { tty })).exitCode).toBe(code);
    expect((await shell('kill -TERM $$', readOnly, { tty })).exitCode).toBe(143);
    const trapping = await client.start({
      argv: ['sh', '-c', 'trap "exit 7" TERM HUP; echo ready; while :; do sleep 0.1; done'],
      cwd: work,
      sandbox: readOnly,
      tty,
    });
    await client.waitForText(trapping, 'ready');
    await client.terminate(trapping.processId, { mode: { type: 'graceful', timeoutMs: 5000 } });
    expect(await trapping.exited).toBe(7);
  });

  it('ends with everything that it started, what left its process group too', async () => {
    const view = await client.start({
      argv: ['sh', '-c', 'setsid sleep 1000 & (setsid sleep 1001 &) ; echo ready; sleep 1002'],
      cwd: work,
      sandbox: readOnly,
      tty,
    });
    await client.waitForText(view, 'ready');
    expect(sleepers()).not.toBe('');
    await client.terminate(view.processId);
    await view.closed;
    await until('all of it to be gone', () => sleepers() === '', { withinMs: 5000, describe: sleepers });
  });
});

/** The `sleep 100x` of this file that run. */
function sleepers(): string {
  return describeProcesses(runningWithEnv(`EXEC_TEST_TAG=${TAG}`).filter(({ name }) => name === 'sleep'));
}

describe('a confined process', () => {
  let listener: Server;
  let port = 0;
  beforeAll(async () => {
    listener = createServer((socket) => socket.end('reached'));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => listener.close());

  it('has a network only if the context gives it one', async () => {
    const connect = `exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`;
    const run = (network: 'restricted' | 'enabled') =>
      client.run(['bash', '-c', connect], { cwd: work, sandbox: context(network, special('root', 'read')) });
    expect((await run('enabled')).text()).toBe('reached');
    expect((await run('restricted')).exitCode).not.toBe(0);
  });

  it('gains nothing by a setuid program, and cannot mount', async () => {
    expect((await shell('mount -o remount,rw / || exit 9', workspace)).exitCode).toBe(9);
    const setuid = join(work, 'whoami-setuid');
    copyFileSync('/usr/bin/id', setuid);
    chmodSync(setuid, 0o4755);
    const view = await shell('grep -E "^(NoNewPrivs|CapEff)" /proc/self/status', workspace);
    expect(view.text()).toMatch(/NoNewPrivs:\s+1/);
    expect(view.text()).toMatch(/CapEff:\s+0{16}/);
    expect((await shell('./whoami-setuid -u', workspace)).text()).toBe((await shell('id -u', workspace)).text());
  });

  it('sees no other processes, and has descriptors 0, 1 and 2 only', async () => {
    const view = await shell('ls /proc | grep -c "^[0-9]"; ls /proc/self/fd | wc -l', readOnly, { pipeStdin: true });
    const [processes, descriptors] = view.text().trim().split('\n').map(Number);
    expect(processes).toBeLessThan(8);
    expect(descriptors).toBe(4); // and the one that lists them
  });

  it('gets argv[0], stdin and its environment as any other', async () => {
    const named = await client.run(['sh', '-c', 'echo $0'], { cwd: work, sandbox: readOnly, arg0: 'other-name' });
    expect(named.exitCode).toBe(0);
    const view = await client.start({ argv: ['cat'], cwd: work, sandbox: readOnly, pipeStdin: true });
    await client.write(view.processId, 'through');
    await client.call('process/closeStdin', { processId: view.processId });
    await view.closed;
    expect(view.text()).toBe('through');
    const env = await client.run(['env'], { cwd: work, sandbox: readOnly, env: client.env({ A: 'b=c' }) });
    const plain = await client.run(['env'], { cwd: work, env: client.env({ A: 'b=c' }) });
    expect(env.text().split('\n').sort()).toEqual(plain.text().split('\n').sort());
  });

  it('that cannot start is an error of the start', async () => {
    for (const params of [
      { argv: ['no-such-program'], cwd: work },
      { argv: ['true'], cwd: join(top, 'no-such-folder') },
    ]) {
      const answer = await client.request('process/start', {
        processId: 'x',
        tty: false,
        env: client.env(),
        sandbox: readOnly,
        ...params,
      });
      expect(answer.error).toMatchObject({ code: -32603, message: 'No such file or directory (os error 2)' });
    }
    expect((await client.run(['true'], { processId: 'x' })).exitCode).toBe(0);
  });

  it('is named by its start, and what confines by environment/info', async () => {
    expect(await client.call('environment/info', {})).toMatchObject({
      sandbox: { available: true, kind: 'bubblewrap', reason: null },
    });
    const params = { argv: ['true'], cwd: '/', env: client.env(), tty: false };
    expect(await client.call('process/start', { ...params, processId: 'c', sandbox: readOnly })).toMatchObject({
      sandboxType: 'linuxSeccomp',
    });
    expect(await client.call('process/start', { ...params, processId: 'p' })).toMatchObject({ sandboxType: 'none' });
  });
});

describe('where nothing can be confined', () => {
  it('a sandbox is refused with -32600 that says what is missing, and nothing is run', async () => {
    const withoutBubblewrap = ['bwrap', '--dev-bind', '/', '/', '--ro-bind', '/dev/null', '/usr/bin/bwrap', '--'];
    const bare = await startServer({ program: [...withoutBubblewrap, ...serverProgram()] });
    const other = await bare.connect();
    for (const tty of [false, true]) {
      const answer = await other.request('process/start', {
        ...{ processId: 'c', argv: ['touch', `${work}/ran`], cwd: '/', env: other.env(), tty, sandbox: workspace },
      });
      expect(answer.error).toMatchObject({
        code: -32600,
        message: expect.stringContaining('bubblewrap is not installed'),
      });
    }
    expect(await other.call('environment/info', {})).toMatchObject({
      sandbox: { available: false, kind: null, reason: expect.stringContaining('bubblewrap is not installed') },
    });
    const read = await other.request('fs/readFile', { path: join(top, 'outside'), sandbox: readOnly });
    expect(read.error).toMatchObject({ code: -32600, message: expect.stringContaining('bubblewrap is not installed') });
    expect(existsSync(join(work, 'ran'))).toBe(false);
    // The id is free: nothing was started under it.
    await other.run(['true'], { processId: 'c' });
  });

  it('an unknown kind of sandbox is refused too', async () => {
    for (const permissions of [{ type: 'read-only' }, { type: 'something new' }, { type: 'managed' }]) {
      const answer = await client.request('process/start', {
        ...{
          processId: 'c',
          argv: ['touch', `${work}/ran`],
          cwd: '/',
          env: client.env(),
          tty: false,
          sandbox: { permissions },
        },
      });
      expect(answer.error).toMatchObject({ code: -32600, message: expect.stringMatching(/sandbox/i) });
    }
    expect(existsSync(join(work, 'ran'))).toBe(false);
  });
});

describe('a sandbox that does not confine', () => {
  it('is plain access', async () => {
    const plain: (JsonObject | null)[] = [
      null,
      { permissions: { type: 'disabled' }, windowsSandboxLevel: 'disabled' },
      { permissions: { type: 'disabled' } },
    ];
    for (const sandbox of plain) {
      expect((await client.run(['echo', 'free'], { sandbox })).text()).toBe('free\n');
      expect(await client.call('fs/getMetadata', { path: join(top, 'outside'), sandbox })).toMatchObject({
        isFile: true,
      });
    }
  });

  it('but is malformed is -32602', async () => {
    for (const sandbox of [{}, { permissions: {} }, { permissions: 'disabled' }, 'disabled', 5, []]) {
      const answer = await client.request('fs/readFile', { path: join(top, 'outside'), sandbox });
      expect(answer.error?.code, JSON.stringify(sandbox)).toBe(-32602);
    }
  });
});

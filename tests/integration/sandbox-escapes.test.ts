// Ways out of a sandbox that were found by attacking it: links whose targets nest otherwise than their names, guards of one
// sandbox that end with another, servers of files that do not start (docs/protocol.md, "Sandbox").
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import type { JsonObject } from '../helpers/json.ts';
import { useServer } from '../helpers/server.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const server = useServer();
const top = mkdtempSync(join(tmpdir(), 'sandbox-escapes-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const at = (path: string, access: string, more: JsonObject = {}): JsonObject => ({
  path: { type: 'path', path },
  access,
  ...more,
});
const special = (kind: string, access: string, more: JsonObject = {}): JsonObject => ({
  path: { type: 'special', value: { kind, ...more } },
  access,
});
const sandbox = (...entries: JsonObject[]): JsonObject => ({
  permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' },
});

let client: WireClient;
/** A folder to write in, new for each test. */
let work: string;
beforeEach(async () => {
  work = mkdtempSync(join(top, 'work-'));
  client = await server.current.connect();
});

const shell = (script: string, policy: JsonObject) => client.run(['sh', '-c', script], { cwd: '/', sandbox: policy });

it('holds to an entry whose link leads deeper than the entry that gives the place around it', async () => {
  const deep = join(work, 'deep', 'down');
  mkdirSync(join(deep, '.git'), { recursive: true });
  writeFileSync(join(deep, '.git', 'config'), 'mine');
  writeFileSync(join(deep, 'secret'), 'secret');
  const link = join(top, `link-${String(Math.random())}`);
  symlinkSync(deep, link);
  const policy = sandbox(
    special('root', 'read'),
    at(join(link, '.git'), 'read'),
    at(join(link, 'secret'), 'none'),
    at(deep, 'write'),
  );
  expect((await shell(`echo x > ${deep}/.git/config`, policy)).exitCode).not.toBe(0);
  expect((await shell(`cat ${deep}/secret`, policy)).text()).not.toContain('secret\n');
  expect((await shell(`grep -q secret ${deep}/secret`, policy)).exitCode).not.toBe(0);
  expect(readFileSync(join(deep, '.git', 'config'), 'utf8')).toBe('mine');
  expect((await shell(`echo x > ${deep}/fine`, policy)).exitCode).toBe(0);
});

it('keeps what is missing from coming into being as long as any sandbox lasts that guards it', async () => {
  const policy = sandbox(special('root', 'read'), at(work, 'write'), at(join(work, '.git'), 'read'));
  const first = await client.start({ argv: ['cat'], cwd: '/', sandbox: policy, pipeStdin: true });
  const second = await client.start({
    argv: ['sh', '-c', `echo ready; read go; mkdir -p ${work}/.git; echo x > ${work}/.git/config && echo escaped`],
    cwd: '/',
    sandbox: policy,
    pipeStdin: true,
  });
  await client.waitForText(second, 'ready');
  await client.terminate(first.processId);
  await first.closed;
  await client.call('process/write', { processId: second.processId, chunk: Buffer.from('go\n').toString('base64') });
  await second.closed;
  expect(second.text()).not.toContain('escaped');
  expect(existsSync(join(work, '.git'))).toBe(false);
});

it('gives a place within a hidden one', async () => {
  mkdirSync(join(work, 'hidden', 'given'), { recursive: true });
  writeFileSync(join(work, 'hidden', 'secret'), 'secret');
  const policy = sandbox(
    special('root', 'read'),
    at(join(work, 'hidden'), 'none'),
    at(join(work, 'hidden', 'given'), 'write'),
  );
  const view = await shell(
    `cd ${work}/hidden/given && echo new > made; ls ..; cat ../secret; echo x > ../other`,
    policy,
  );
  expect(readFileSync(join(work, 'hidden', 'given', 'made'), 'utf8')).toBe('new\n');
  expect(view.text()).not.toContain('secret\n');
  expect(existsSync(join(work, 'hidden', 'other'))).toBe(false);
});

it('refuses a guard that it cannot place: below a link that leads nowhere, or below roots that nobody named', async () => {
  symlinkSync(join(work, 'nowhere'), join(work, 'dangling'));
  for (const policy of [
    sandbox(special('root', 'read'), at(work, 'write'), at(join(work, 'dangling', 'x'), 'read')),
    sandbox(special('root', 'write'), special('project_roots', 'read', { subpath: '.git' })),
  ]) {
    const { error } = await client.request('fs/writeFile', {
      path: join(work, 'any'),
      dataBase64: '',
      sandbox: policy,
    });
    expect(error, JSON.stringify(policy)).toMatchObject({
      code: -32600,
      message: expect.stringContaining('the sandbox cannot be held to'),
    });
  }
});

it('refuses members that may take something back and that it does not know', async () => {
  const base = { type: 'restricted', entries: [special('root', 'write')] };
  for (const permissions of [
    { type: 'managed', file_system: { ...base, denied: ['/etc'] }, network: 'restricted' },
    { type: 'managed', file_system: base, network: 'restricted', processes: 'restricted' },
    {
      type: 'managed',
      file_system: { ...base, entries: [{ ...special('root', 'write'), except: ['/etc'] }] },
      network: 'enabled',
    },
  ]) {
    const { error } = await client.request('fs/writeFile', {
      path: join(work, 'any'),
      dataBase64: '',
      sandbox: { permissions },
    });
    expect(error, JSON.stringify(permissions)).toMatchObject({
      code: -32600,
      message: expect.stringContaining('sandbox'),
    });
  }
});

it('lets nobody loosen it from within: user namespaces, mounts, other descriptors, the settings of the kernel', async () => {
  mkdirSync(join(work, '.git'));
  const policy = sandbox(special('root', 'read'), at(work, 'write'), at(join(work, '.git'), 'read'));
  for (const script of [
    `unshare -Urm sh -c 'umount ${work}/.git; mount -o remount,bind,rw ${work}/.git; echo x > ${work}/.git/config'`,
    `mount -o remount,bind,rw ${work}/.git && echo x > ${work}/.git/config`,
    `ls -l /proc/self/fd | grep -vE ' [0-3] ->|total' | grep . `,
    'value=$(cat /proc/sys/kernel/panic) && echo "$value" > /proc/sys/kernel/panic',
    'echo b > /proc/sysrq-trigger',
    'mknod node b 8 0',
    'ls /run | grep .',
    'kill -0 $PPID && tr "\\0" "\\n" < /proc/$PPID/environ | grep PATH_OF_SERVER',
  ]) {
    expect((await shell(`cd ${work}; ${script}`, policy)).exitCode, script).not.toBe(0);
  }
  expect(existsSync(join(work, '.git', 'config'))).toBe(false);
});

it('reaches nobody by the system calls that neither mounts nor namespaces keep apart', async () => {
  const path = join(work, 'listening');
  const listening = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listening.listen(path, resolve));
  const calls = `
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def outcome(call):
    try:
        call()
        return 'done'
    except OSError as error:
        return os.strerror(error.errno)
def system(*numbers):
    if libc.syscall(*numbers) < 0: raise OSError(ctypes.get_errno(), '')
x64 = os.uname().machine == 'x86_64'
pair = socket.socketpair()
pair[0].send(b'fine')
print(outcome(lambda: socket.socket(socket.AF_UNIX).connect('${path}')))
print(outcome(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)))
print(outcome(lambda: socket.socket(40, socket.SOCK_STREAM)))
print(outcome(lambda: socket.socket(socket.AF_INET)), pair[1].recv(9).decode())
print(outcome(lambda: system(250 if x64 else 219, 0, -3, 0)))
print(outcome(lambda: system(425, 1, 0)))
print(outcome(lambda: fcntl.ioctl(0, 0x5412, b'x')))
if x64: print(outcome(lambda: system(0x40000000 + 39)))
`;
  const policy = sandbox(special('root', 'read'));
  const denied = 'Operation not permitted';
  const confined = await client.run(['/usr/bin/env', 'python3', '-c', calls], { cwd: '/', sandbox: policy, tty: true });
  const rest = process.arch === 'x64' ? ['Function not implemented'] : [];
  expect(confined.text().trim().split('\r\n')).toEqual([
    ...[denied, denied, denied, 'done fine', denied, 'Function not implemented', denied],
    ...rest,
  ]);
  // With a network they reach whoever listens where they may read.
  const withNetwork = { permissions: { ...(policy['permissions'] as JsonObject), network: 'enabled' } };
  const reached = await client.run(['/usr/bin/env', 'python3', '-c', calls], { cwd: '/', sandbox: withNetwork });
  expect(reached.text().split('\n')[0]).toBe('done');
  listening.close();
});

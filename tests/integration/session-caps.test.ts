// Caps on a session as a whole (promise 17: not even setsid escapes where a cgroup can be had). They take a cgroup v2 with
// controllers, which few machines that run tests give away: so the server runs in a Linux of its own, as a program of the
// user (User-Mode Linux), on the files of this machine. What it does there is in fixtures/session-caps-guest.mjs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { ensureProgram, userModeLinux } from '../../scripts/lib/needed-programs.js';
import { serverProgram } from '../helpers/server.ts';
import { within } from '../helpers/until.ts';

const work = mkdtempSync(join(tmpdir(), 'session-caps-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** The first program of that Linux. The end of it is the end of the machine. */
const init = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ln -s /proc/self/fd /dev/fd
"$NODE" "$GUEST" "$RESULTS" $SERVER
echo o >/proc/sysrq-trigger
sleep 600
`;

it('hold for tasks, memory and CPU of a session, change nothing else, and nobody outlives it', async () => {
  const initFile = join(work, 'init');
  const resultsFile = join(work, 'results.json');
  const variables = {
    NODE: process.execPath,
    GUEST: fileURLToPath(new URL('fixtures/session-caps-guest.mjs', import.meta.url)),
    RESULTS: resultsFile,
    SERVER: serverProgram().join(' '),
  };
  const assignments = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(initFile, init.replace('\n', `\n${assignments.join('')}`));
  chmodSync(initFile, 0o755);
  const root = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'rw', `init=${initFile}`];
  const machine = spawn(ensureProgram(userModeLinux), [...root, 'mem=512M', 'con=null', 'con0=null,fd:1', 'quiet'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { HOME: work, TMPDIR: work, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  let said = '';
  for (const stream of [machine.stdout, machine.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  try {
    await within('its end', 110_000, once(machine, 'exit'));
  } finally {
    if (machine.exitCode === null && machine.pid) process.kill(-machine.pid, 'SIGKILL');
  }
  let results: Record<string, unknown>;
  try {
    results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`the guest has left no results; it said:\n${said}`, { cause: error });
  }
  expect(results).toMatchObject({
    environment: { exitCode: 0, text: 'ONLY=one\na.b%%=two words\n' },
    limits: { exitCode: 0, text: 'other\n/\n50\n' },
    missing: { code: -32603 },
    memory: { exitCode: 137 },
    mostTasks: 20,
    serverStillAnswers: { platformOs: 'linux' },
    exitCode: 0,
    sleepersLeft: '0',
    foldersLeft: [],
  });
  expect(results['cpuShare']).toBeLessThan(0.5);
}, 120_000);

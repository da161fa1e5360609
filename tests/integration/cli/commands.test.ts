// `call`, `cp`, `executors` and `completions`, as a user or a script meets them.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { runCli } from './cli.ts';

const server = useServer({ command: 'serve' });
const env = () => ({
  EXEC_WORKBENCH_URL: `ws://127.0.0.1:${server.current.port}`,
  EXEC_WORKBENCH_TOKEN: server.current.token ?? '',
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('call', () => {
  it('prints the result, and with --follow what comes until the process is closed', async () => {
    const params = ['processId=p', 'argv=["sh","-c","echo hi; exit 3"]', 'cwd=/', 'env={}', 'tty=false'];
    const { code, stdout } = await runCli(['call', 'process/start', ...params, '--follow'], { env: env() });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines).toMatchObject([
      { processId: 'p' },
      { method: 'process/output', params: { chunk: 'aGkK' } },
      { method: 'process/exited', params: { exitCode: 3 } },
      { method: 'process/closed' },
    ]);
  });

  it('takes params from stdin, sends unknown methods too, and ends with 5 when it is answered an error', async () => {
    await writeFile(join(folder, 'file'), 'text');
    const input = JSON.stringify({ path: join(folder, 'file') });
    const read = await runCli(['call', 'fs/readFile', '-'], { env: env(), input });
    expect([read.code, JSON.parse(read.stdout)]).toEqual([0, { dataBase64: 'dGV4dA==' }]);
    const unknown = await runCli(['call', 'no/such', '{}', '--json'], { env: env() });
    expect(unknown.code).toBe(5);
    expect(JSON.parse(unknown.stderr)).toMatchObject({ error: { code: 'rpc', rpc: { code: -32601 } } });
    const list = await runCli(['call', '--list', '--json']);
    expect(list.stdout.split('\n').map((line) => /"method":"([^"]+)"/.exec(line)?.[1])).toContain('process/start');
  });
});

describe('cp', () => {
  it('copies a tree there and back with its modes, and leaves nothing half done', async () => {
    const tree = join(folder, 'tree');
    await mkdir(join(tree, 'a b', 'deep'), { recursive: true });
    await mkdir(join(tree, 'empty'));
    await writeFile(join(tree, 'big'), randomBytes(1_500_000));
    await writeFile(join(tree, 'a b', 'deep', "it's"), 'x');
    await chmod(join(tree, 'a b', 'deep', "it's"), 0o750);
    await symlink('a b', join(tree, 'link'));
    const up = await runCli(['cp', '-r', tree, `remote:${folder}/there`], { env: env() });
    expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining('left out') });
    const down = await runCli(['cp', '-r', '--json', `remote:${folder}/there`, join(folder, 'back')], { env: env() });
    expect([down.code, JSON.parse(down.stdout)]).toEqual([0, { files: 2, directories: 4, bytes: 1_500_001 }]);
    await rm(join(tree, 'link'));
    execFileSync('diff', ['-r', tree, join(folder, 'back')]);
    expect((await stat(join(folder, 'back', 'a b', 'deep', "it's"))).mode & 0o777).toBe(0o750);

    await mkdir(join(folder, 'into'));
    await runCli(['cp', `remote:${folder}/there/big`, join(folder, 'into')], { env: env() });
    expect((await readFile(join(folder, 'into', 'big'))).length).toBe(1_500_000);
    const missing = await runCli(['cp', 'remote:/no/such', join(folder, 'into', 'x')], { env: env() });
    expect([missing.code, await readdir(join(folder, 'into'))]).toEqual([5, ['big']]);
    const directory = await runCli(['cp', tree, 'remote:/tmp/x'], { env: env() });
    expect([directory.code, directory.stderr]).toEqual([2, expect.stringContaining('use -r')]);
  });
});

describe('executors', () => {
  it('lists who is online, and run reaches them by their id', async () => {
    const registry = {
      EXEC_WORKBENCH_TOKEN: server.current.token ?? '',
      EXEC_WORKBENCH_REGISTRY: server.current.httpUrl,
    };
    const { httpUrl: remote, token } = server.current;
    await RemoteExecutorProcess.start({ remote, executorId: 'box', token, args: ['--name', 'my box'] });
    const listed = await until(
      'the executor to be listed',
      async () => {
        const { stdout } = await runCli(['executors'], { env: registry });
        return stdout.includes('box') ? stdout : undefined;
      },
      { withinMs: 15_000 },
    );
    expect(listed).toMatch(/^ID +NAME +STREAMS +ONLINE SINCE\nbox +my box +0 +\d/);
    const run = await runCli(['run', '--executor-id', 'box', '--', 'sh', '-c', 'echo there; exit 4'], {
      env: registry,
    });
    expect([run.code, run.stdout]).toEqual([4, 'there\n']);
    const offline = await runCli(['run', '--executor-id', 'nobody', '--', 'true'], { env: registry });
    expect([offline.code, offline.stderr]).toEqual([4, expect.stringContaining('not online')]);
  });
});

describe('completions', () => {
  it('are scripts that complete commands, flags and methods', async () => {
    const { stdout: script } = await runCli(['completions', 'bash']);
    const complete = (...words: string[]) =>
      execFileSync('bash', [
        '-c',
        `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _exec_workbench; echo "\${COMPREPLY[@]}"`,
      ])
        .toString()
        .trim()
        .split(' ');
    expect(complete('exec-workbench', 'ru')).toEqual(['run']);
    expect(complete('exec-workbench', 'call', 'process/st')).toEqual(['process/start']);
    expect(complete('exec-workbench', 'run', '--detach-')).toEqual(['--detach-keys']);
    for (const shell of ['zsh', 'fish']) {
      expect((await runCli(['completions', shell])).stdout).toContain('executor-id');
    }
    expect((await runCli(['completions', 'tcsh'])).code).toBe(2);
  });
});

import { describe, expect, it } from 'vitest';
import { RpcError, LocalError } from '../../../shared/errors.ts';
import { processStart } from '../../../shared/protocol/process.ts';
import { explainConnect, explainStart } from './explain-error.ts';
import { fixedSize, launchTitle, plainLaunch, startParams, type ExecutorTraits } from './launch.ts';
import { wireTwin } from './wire-twin.ts';

const traits: ExecutorTraits = { shellPath: '/bin/zsh', cwd: '/home/me', wantsUris: true, takesSize: true };
const size = { cols: 100, rows: 30 };

describe('startParams', () => {
  it('gives a shell line to the executor’s shell, on a terminal of the size of the screen', () => {
    const params = startParams({ ...plainLaunch, line: 'ls | wc' }, 'p', traits, size);
    expect(params).toMatchObject({
      argv: ['/bin/zsh', '-c', 'ls | wc'],
      cwd: 'file:///home/me',
      tty: true,
      io: { type: 'pty', cols: 100, rows: 30 },
      env: { TERM: 'xterm-256color' },
    });
  });

  it('is what every kind of server takes: no extensions where they are not known, paths in its own form', () => {
    const plain = { ...traits, wantsUris: false, takesSize: false };
    const params = startParams({ ...plainLaunch, line: 'ls', cwd: '/with space' }, 'p', plain, fixedSize);
    expect(params.cwd).toBe('/with space');
    expect(params).not.toHaveProperty('io');
    expect(startParams({ ...plainLaunch, line: 'ls', cwd: '/with space' }, 'p', traits, size).cwd).toBe(
      'file:///with%20space',
    );
  });

  it('passes its own declaration, by pipes too', () => {
    for (const isTerminal of [true, false]) {
      const launch = { ...plainLaunch, kind: 'argv' as const, line: "a 'b c'", isTerminal };
      const params = startParams(launch, 'p', traits, size);
      expect(processStart.params.safeParse(params).success).toBe(true);
      expect(params.argv).toEqual(['a', 'b c']);
      if (!isTerminal) expect(params).toMatchObject({ tty: false, pipeStdin: true });
    }
  });

  it('refuses a line that cannot be split', () => {
    expect(() => startParams({ ...plainLaunch, kind: 'argv', line: "'" }, 'p', traits, size)).toThrow('not closed');
    expect(() => startParams({ ...plainLaunch, line: ' ' }, 'p', traits, size)).toThrow('write a command');
  });
});

it('titles a program by its name and a line as it is', () => {
  expect(launchTitle({ ...plainLaunch, kind: 'argv', line: '/usr/bin/env python3' })).toBe('env python3');
  expect(launchTitle({ ...plainLaunch, line: '  ls\n -la ' })).toBe('ls -la');
});

it('shows the same launch for wscat, without the token', () => {
  const params = startParams({ ...plainLaunch, line: 'ls' }, 'p1', traits, size);
  const { command, messages } = wireTwin('ws://h:1/exec?token=secret', params);
  expect(command).toBe('npx wscat -c ws://h:1/exec -H "Authorization: Bearer $EXEC_WORKBENCH_TOKEN"');
  expect(messages.map((line) => (JSON.parse(line) as { method: string }).method)).toEqual([
    'initialize',
    'initialized',
    'process/start',
  ]);
  expect(messages.join()).not.toContain('secret');
});

describe('explanations', () => {
  it('say what happened, what to try and the code', () => {
    expect(explainStart(new RpcError(-32603, 'No such file or directory (os error 2)'))).toMatchObject({
      title: 'The process was not started',
      detail: 'No such file or directory (os error 2)',
      hint: expect.stringContaining('spelling') as string,
      code: '-32603',
    });
    expect(explainConnect(new LocalError('connect', 'cannot connect'), 'refuses-token').title).toContain('token');
    expect(explainConnect(new LocalError('connect', 'cannot connect'), 'silent').hint).toContain('npx exec-workbench');
  });
});

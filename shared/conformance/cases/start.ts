// process/start: what is taken, what is refused, and what a child finds (docs/protocol.md, "process/start").

import { processRead, processStart } from '../../protocol/process.ts';
import { utf8Decode } from '../../bytes.ts';
import { family, type ConformanceCase } from '../case.ts';
import { childEnv, type CaseContext, type StartOptions } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';

const { must, should } = family('EXEC-START', 'docs/protocol.md, process/start');

/** The start is refused with -32603 and its id stays free. */
function refusedBySystem(options: (t: CaseContext) => StartOptions | Promise<StartOptions>) {
  return async (t: CaseContext) => {
    const wire = await t.harness();
    await wire.refuse('process/start', t.startParams(await options(t)), -32603);
    await (await t.start(wire, {})).untilClosed();
  };
}

/** The member is missing or wrong: -32602. */
function badMember(change: Readonly<Record<string, unknown>>) {
  return async (t: CaseContext) => {
    await (await t.harness()).refuse('process/start', { ...t.startParams({}), ...change }, -32602);
  };
}

async function printed(t: CaseContext, options: StartOptions): Promise<string> {
  return utf8Decode((await t.run(options)).stdout);
}

export const startCases: readonly ConformanceCase[] = [
  must(1, 'answers the processId that the harness chose', async (t) => {
    const wire = await t.harness();
    const result = await wire.call(processStart, t.startParams({ processId: 'any text: ü😀' }));
    expectEqual('the processId', result.processId, 'any text: ü😀');
  }),
  must(2, 'the empty text is a processId', async (t) => {
    await (await t.start(await t.harness(), { processId: '', script: 'exit 0' })).untilClosed();
  }),
  must(3, 'argv empty is -32602', badMember({ argv: [] })),
  must(4, 'argv missing is -32602', badMember({ argv: undefined })),
  must(5, 'argv with a number is -32602', badMember({ argv: ['sh', 7] })),
  must(6, 'env missing is -32602', badMember({ env: undefined })),
  must(7, 'env with a value that is no text is -32602', badMember({ env: { A: 1 } })),
  must(8, 'tty missing is -32602', badMember({ tty: undefined })),
  must(9, 'tty that is no boolean is -32602', badMember({ tty: 'yes' })),
  must(10, 'cwd missing is -32602', badMember({ cwd: undefined })),
  must(11, 'processId missing or no text is -32602', async (t) => {
    await badMember({ processId: undefined })(t);
    await badMember({ processId: 7 })(t);
  }),
  must(12, 'a processId in use is -32600, and the process goes on', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'read line; exit 3', pipeStdin: true });
    await wire.refuse('process/start', t.startParams({}), -32600);
    await wire.call(processRead, { processId: process.processId });
  }),
  must(13, 'a processId stays in use while its closed process is retained', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, {})).untilClosed();
    await wire.refuse('process/start', t.startParams({}), -32600);
  }),
  must(14, 'a program that is not there is -32603, and the id stays free', async (t) => {
    await refusedBySystem(() => ({ argv: ['/no/such/program'] }))(t);
    await refusedBySystem(() => ({ argv: ['no-such-program-anywhere'] }))(t);
  }),
  must(15, 'a program that is not there is -32603 on a terminal too', async (t) => {
    await refusedBySystem(() => ({ argv: ['/no/such/program'], tty: true }))(t);
  }),
  must(16, 'a file without execute permission is -32603', async (t) => {
    const wire = await t.harness();
    const file = await t.file(wire, 'plain', 'text');
    await wire.refuse('process/start', t.startParams({ argv: [file] }), -32603);
  }),
  must(
    17,
    'a directory as the program is -32603',
    refusedBySystem(() => ({ argv: ['/tmp'] })),
  ),
  must(
    18,
    'a cwd that does not exist is -32603',
    refusedBySystem(() => ({ cwd: '/no/such/directory' })),
  ),
  should(19, 'a cwd that does not exist is -32603 on a terminal too', async (t) => {
    await refusedBySystem(() => ({ cwd: '/no/such/directory', tty: true }))(t);
  }),
  must(
    20,
    'a cwd that is a file is -32603',
    refusedBySystem(() => ({ cwd: '/etc/passwd' })),
  ),
  must(21, 'a file in no executable format is -32603', async (t) => {
    const wire = await t.harness();
    const file = `${await t.scratch(wire)}/junk`;
    // Written by a shell: a file that the server has just written can be busy, held by a child that it forked meanwhile.
    await t.sh(wire, `printf '\\001\\002\\003\\004' > ${file} && chmod +x ${file}`);
    await wire.refuse('process/start', t.startParams({ argv: [file] }), -32603);
  }),
  must(
    22,
    'an empty program name is -32603',
    refusedBySystem(() => ({ argv: [''] })),
  ),
  must(23, 'a NUL in argv or env is refused', async (t) => {
    const wire = await t.harness();
    await wire.refuse('process/start', t.startParams({ argv: ['/bin/echo', 'a\0b'] }), -32603, -32602);
    await wire.refuse('process/start', t.startParams({ env: { A: 'a\0b' } }), -32603, -32602);
    await (await t.start(wire, {})).untilClosed();
  }),
  must(24, 'no shell: arguments arrive exactly as they are', async (t) => {
    const words = ['a b', '$HOME', '"q"', "'", '*', '', 'ü\n', '\\'];
    const out = await printed(t, { argv: ['/usr/bin/printf', '[%s]', ...words] });
    expectEqual('the arguments', out, words.map((word) => `[${word}]`).join(''));
  }),
  must(25, 'the child gets exactly env', async (t) => {
    const out = await printed(t, { argv: ['/usr/bin/env'], env: { A: '1', B: 'b c' } });
    expectEqual('the environment', out.trim().split('\n').sort(), ['A=1', 'B=b c']);
  }),
  must(26, 'the child starts in cwd', async (t) => {
    expectEqual('pwd', await printed(t, { argv: ['/bin/pwd'], cwd: '/usr' }), '/usr\n');
  }),
  must(27, 'a program without a slash is looked up in the PATH of env', async (t) => {
    const wire = await t.harness();
    const file = `${await t.scratch(wire)}/only-here`;
    await t.sh(wire, `printf '#!/bin/sh\\necho found\\n' > ${file} && chmod +x ${file}`);
    const env = { PATH: file.slice(0, file.lastIndexOf('/')) };
    const process = await t.start(wire, { argv: ['only-here'], env });
    await process.untilClosed();
    expectEqual('the output', process.text(), 'found\n');
  }),
  must(28, 'a program with a slash is relative to cwd', async (t) => {
    expectEqual('the output', await printed(t, { argv: ['./echo', 'here'], cwd: '/bin' }), 'here\n');
  }),
  must(
    29,
    'arg0 is the argv[0] of a piped child',
    async (t) => {
      const out = await printed(t, { script: 'echo "$0"', more: { argv: ['/bin/sh'], arg0: 'other-name' }, argv: [] });
      expectEqual('the output of a shell without input', out, '');
      const named = await printed(t, {
        argv: ['/bin/sh', '-c', 'tr "\\0" " " < /proc/$$/cmdline'],
        more: { arg0: 'other' },
      });
      expectThat(named.startsWith('other '), 'a command line that begins with other', named);
    },
    { needs: ['linux'] },
  ),
  should(
    30,
    'arg0 is the argv[0] of a child on a terminal, and not its program',
    async (t) => {
      const script = 'tr "\\0" " " < /proc/$$/cmdline';
      const { pty } = await t.run({ argv: ['/bin/sh', '-c', script], tty: true, more: { arg0: 'other' } });
      expectThat(utf8Decode(pty).startsWith('other '), 'a command line that begins with other', utf8Decode(pty));
    },
    { needs: ['linux'] },
  ),
  must(
    31,
    'the child leads a session and a process group of its own',
    async (t) => {
      const out = await printed(t, { script: 'echo $$; cut -d" " -f5,6 /proc/$$/stat' });
      const [pid, groupAndSession] = out.split('\n');
      expectEqual('process group and session', groupAndSession, `${pid} ${pid}`);
    },
    { needs: ['linux'] },
  ),
  must(32, 'without pipeStdin a piped child reads end of file', async (t) => {
    const out = await printed(t, { script: 'cat; echo end' });
    expectEqual('the output', out, 'end\n');
  }),
  should(
    33,
    'the child has no descriptors but 0, 1 and 2',
    async (t) => {
      const out = await printed(t, {
        argv: ['/bin/sh', '-c', 'for fd in /proc/$$/fd/*; do [ -L "$fd" ] && echo "${fd##*/}"; done'],
      });
      // Some shells keep their own copies from 10 up.
      const numbers = out
        .trim()
        .split('\n')
        .filter((fd) => fd !== '*' && Number(fd) < 10);
      expectEqual('the descriptors', numbers, ['0', '1', '2']);
    },
    { needs: ['linux'] },
  ),
  should(
    34,
    'the child ignores no signals and blocks none',
    async (t) => {
      const out = await printed(t, { argv: ['/bin/grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status'] });
      // 32 and 33 are the C library's own: its posix_spawn leaves them ignored, and it takes them back when needed.
      const sets = out.replaceAll(/[0-9a-f]{16}/g, (mask) => (BigInt(`0x${mask}`) & ~0x1_8000_0000n).toString(16));
      expectEqual('the signal sets', sets.replaceAll(/\s+/g, ' ').trim(), 'SigBlk: 0 SigIgn: 0');
    },
    { needs: ['linux'] },
  ),
  should(
    35,
    'stdin, stdout and stderr can be opened by name',
    async (t) => {
      const { stdout, stderr } = await t.run({ script: 'echo out > /dev/stdout; echo err > /dev/stderr' });
      expectEqual('stdout and stderr', [utf8Decode(stdout), utf8Decode(stderr)], ['out\n', 'err\n']);
    },
    { needs: ['linux'] },
  ),
  must(36, 'thirty processes run beside each other', async (t) => {
    const wire = await t.harness();
    const starts = Array.from({ length: 30 }, (_, index) =>
      t.start(wire, { processId: `p${index}`, script: `read line; exit ${index}`, pipeStdin: true }),
    );
    const processes = await Promise.all(starts);
    for (const { processId } of processes) wire.request('process/write', { processId, chunk: 'Cg==', writeId: 'w' });
    const codes = await Promise.all(processes.map((process) => process.untilExited()));
    expectEqual(
      'the exit codes',
      codes,
      processes.map((_, index) => index),
    );
  }),
  must(
    37,
    'sandboxType says none for a plain start',
    async (t) => {
      const result = await (await t.harness()).call(processStart, t.startParams({}));
      expectEqual('sandboxType', result.sandboxType, 'none');
    },
    { dialects: ['0.169'] },
  ),
  must(38, 'null stands for an absent arg0 and envPolicy', async (t) => {
    const { exitCode } = await t.run({ script: 'exit 6', more: { arg0: null, envPolicy: null } });
    expectEqual('the exit code', exitCode, 6);
  }),
  must(39, 'a cwd with spaces and non-ASCII characters works', async (t) => {
    const wire = await t.harness();
    const directory = `${await t.scratch(wire)}/a ü#%41`;
    await t.sh(wire, `mkdir '${directory}'`);
    const process = await t.start(wire, { argv: ['/bin/pwd'], cwd: directory, env: childEnv });
    await process.untilClosed();
    expectEqual('pwd', process.text(), `${directory}\n`);
  }),
  must(
    40,
    'a plain path is a cwd',
    async (t) => {
      const params = { ...t.startParams({ argv: ['/bin/pwd'] }), cwd: '/usr' };
      const wire = await t.harness();
      await wire.call(processStart, params);
      const process = t.watch(wire, 'p');
      await process.untilClosed();
      expectEqual('pwd', process.text(), '/usr\n');
    },
    { dialects: ['0.131'] },
  ),
];

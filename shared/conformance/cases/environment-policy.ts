// envPolicy: which variables a child inherits (docs/protocol.md, "Environment of a child").

import { utf8Decode } from '../../bytes.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';

const { must } = family('EXEC-ENV', 'docs/protocol.md, Environment of a child');

const plain = { inherit: 'none', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
const coreNames = new Set([
  'HOME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TEMP',
  'TMP',
  'TMPDIR',
  'USER',
]);

/** The variables that a child finds. */
async function variables(
  t: CaseContext,
  policy: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const { stdout } = await t.run({ argv: ['/usr/bin/env'], env, more: { envPolicy: { ...plain, ...policy } } });
  const lines = utf8Decode(stdout)
    .split('\n')
    .filter((line) => line.includes('='));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

export const environmentPolicyCases: readonly ConformanceCase[] = [
  must(1, 'inherit none gives set and env only', async (t) => {
    expectEqual('the variables', await variables(t, { set: { A: '1' } }, { B: '2' }), { A: '1', B: '2' });
  }),
  must(2, 'inherit core gives some of its names and no others', async (t) => {
    const names = Object.keys(await variables(t, { inherit: 'core' }));
    expectThat(
      names.every((name) => coreNames.has(name)),
      'core names only',
      names,
    );
    expectThat(names.includes('PATH'), 'PATH among them', names);
  }),
  must(3, 'inherit all gives PATH', async (t) => {
    const names = Object.keys(await variables(t, { inherit: 'all' }));
    expectThat(names.includes('PATH'), 'PATH', names);
  }),
  must(4, 'exclude drops inherited names, whatever their case', async (t) => {
    const names = Object.keys(await variables(t, { inherit: 'all', exclude: ['path'] }));
    expectThat(!names.includes('PATH'), 'no PATH', names);
  }),
  must(5, 'exclude knows * and ?', async (t) => {
    const names = Object.keys(await variables(t, { inherit: 'all', exclude: ['P?T*'] }));
    expectThat(!names.includes('PATH'), 'no PATH', names);
  }),
  must(6, 'brackets in a pattern are literal', async (t) => {
    const names = Object.keys(await variables(t, { inherit: 'all', exclude: ['[P]ATH'] }));
    expectThat(names.includes('PATH'), 'PATH', names);
  }),
  must(7, 'set is not subject to exclude, nor to the default excludes', async (t) => {
    const policy = { ignoreDefaultExcludes: false, exclude: ['A*'], set: { A1: '1', MY_TOKEN: 't' } };
    expectEqual('the variables', await variables(t, policy), { A1: '1', MY_TOKEN: 't' });
  }),
  must(8, 'includeOnly keeps only names like one of it, also of set', async (t) => {
    const policy = { set: { KEEP_1: '1', DROP: '2' }, includeOnly: ['KEEP_*'] };
    expectEqual('the variables', await variables(t, policy), { KEEP_1: '1' });
  }),
  must(9, 'env is laid on top of everything', async (t) => {
    const policy = { set: { A: '1' }, includeOnly: ['A'] };
    expectEqual('the variables', await variables(t, policy, { A: '2', B: '3' }), { A: '2', B: '3' });
  }),
  must(10, 'all five members are required: -32602', async (t) => {
    const wire = await t.harness();
    for (const member of Object.keys(plain)) {
      const envPolicy = { ...plain, [member]: undefined };
      await wire.refuse('process/start', t.startParams({ more: { envPolicy } }), -32602);
    }
  }),
  must(11, 'an unknown inherit is -32602', async (t) => {
    const envPolicy = { ...plain, inherit: 'some' };
    await (await t.harness()).refuse('process/start', t.startParams({ more: { envPolicy } }), -32602);
  }),
];

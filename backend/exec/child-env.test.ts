import { expect, test } from 'vitest';
import { childEnv, type EnvPolicy } from './child-env.ts';

const server = {
  HOME: '/root',
  PATH: '/bin',
  WIRE_A: 'alpha',
  WIRE_SECRET_KEY: 's3cret',
  EXEC_WORKBENCH_TOKEN: 'never',
  'ODD[NAME]': 'odd',
};
const base: EnvPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
const namesOf = (policy: Partial<EnvPolicy>, env = {}) =>
  Object.keys(childEnv(env, { ...base, ...policy }, server)).sort();

test('without a policy the child gets exactly env', () => {
  expect(childEnv({ A: '1' }, null, server)).toEqual({ A: '1' });
});

test('inherit all, core, none; the token of the server never', () => {
  expect(namesOf({})).toEqual(['HOME', 'ODD[NAME]', 'PATH', 'WIRE_A', 'WIRE_SECRET_KEY']);
  expect(namesOf({ inherit: 'core' })).toEqual(['HOME', 'PATH']);
  expect(namesOf({ inherit: 'none' })).toEqual([]);
});

test('default excludes and exclude drop what is inherited, not what is set or overlaid', () => {
  expect(namesOf({ ignoreDefaultExcludes: false, set: { SET_KEY: '1' } }, { MY_TOKEN: '2' })).toEqual([
    'HOME',
    'MY_TOKEN',
    'ODD[NAME]',
    'PATH',
    'SET_KEY',
    'WIRE_A',
  ]);
  expect(namesOf({ exclude: ['wire_*'] })).toEqual(['HOME', 'ODD[NAME]', 'PATH']);
});

test('includeOnly drops names of set too, but not the overlay; brackets in patterns are literal', () => {
  expect(namesOf({ set: { SET_A: '1' }, includeOnly: ['WIRE_?', 'odd[name]'] }, { OV: '2' })).toEqual([
    'ODD[NAME]',
    'OV',
    'WIRE_A',
  ]);
});

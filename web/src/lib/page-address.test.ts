import { expect, it } from 'vitest';
import { changedQuery, parameterOf, withParametersOf } from './page-address.ts';

it('sets, replaces and takes out parameters', () => {
  const query = changedQuery('?view=files&path=%2Ftmp', { path: '/a b', row: '7', view: undefined, none: '' });
  expect(query).toBe('path=%2Fa+b&row=7');
  expect(parameterOf(query, 'path')).toBe('/a b');
  expect(parameterOf(query, 'view')).toBeUndefined();
});

it('exchanges what a view has set and leaves what belongs to the frame', () => {
  expect(withParametersOf('view=inspector&filter=dir%3Ain', 'view=files&connection=c2&path=x')).toBe(
    'view=files&connection=c2&filter=dir%3Ain',
  );
  expect(withParametersOf('', 'path=x')).toBe('');
});

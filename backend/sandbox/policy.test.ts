import { describe, expect, it } from 'vitest';
import { parsePolicy, type Policy } from './policy.ts';

const path = (text: string, access: string) => ({ path: { type: 'path', path: text }, access });
const special = (value: object, access: string) => ({ path: { type: 'special', value }, access });
const managed = (entries: object[], more: object = {}) => ({
  permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' },
  ...more,
});
const said = ({ entries }: Policy) => entries.map((entry) => `${entry.access} ${entry.path}`);

describe('a policy', () => {
  it('has wide entries first, and the stricter of two for one place last', () => {
    const policy = parsePolicy(
      managed([
        path('/a/b/c', 'read'),
        path('/a', 'none'),
        path('/a', 'write'),
        path('/a', 'read'),
        special({ kind: 'root' }, 'read'),
      ]),
    );
    expect(said(policy)).toEqual(['read /', 'read /a', 'write /a', 'none /a', 'read /a/b/c']);
  });

  it('knows what the special names stand for', () => {
    const entries = ['current_working_directory', 'tmpdir', 'slash_tmp'].map((kind) => special({ kind }, 'write'));
    const roots = { workspaceRoots: ['file:///w/one', '/w/two/../three'] };
    const context = managed([...entries, special({ kind: 'project_roots', subpath: '.git' }, 'read')], roots);
    expect(said(parsePolicy(context, '/cwd', '/scratch')).sort()).toEqual([
      'read /w/one/.git',
      'read /w/three/.git',
      'write /cwd',
      'write /scratch',
      'write /tmp',
    ]);
    expect(said(parsePolicy(managed([special({ kind: 'project_roots' }, 'write')]), '/cwd'))).toEqual(['write /cwd']);
    expect(parsePolicy(managed([special({ kind: 'minimal' }, 'read')])).hasPlatformDefaults).toBe(true);
  });

  it('without restrictions of files may still be without a network', () => {
    const context = { permissions: { type: 'managed', file_system: { type: 'unrestricted' }, network: 'restricted' } };
    expect(parsePolicy(context)).toMatchObject({ hasNetwork: false, entries: [{ path: '/', access: 'write' }] });
  });

  it.each([
    [managed([path('/a', 'append')]), 'entries.0.access'],
    [managed([path('relative', 'read')]), 'absolute path'],
    [managed([special({ kind: 'elsewhere' }, 'read')]), 'entries.0.path.value.kind'],
    [managed([{ path: { type: 'glob_pattern', pattern: '*' }, access: 'none' }]), 'entries.0.path.type'],
    [{ permissions: { type: 'external' } }, 'permissions.type'],
    [{ permissions: { type: 'managed', file_system: { type: 'restricted', entries: [] } } }, 'permissions.network'],
  ])('that is not understood is refused by its member: %j', (context, member) => {
    expect(() => parsePolicy(context)).toThrow(member);
  });
});

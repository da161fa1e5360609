import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseEnvironments } from './environments-file.ts';
import { EnvironmentManager } from './environments.ts';

const managers: EnvironmentManager[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function home(toml?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'environments-'));
  folders.push(folder);
  if (toml !== undefined) writeFileSync(join(folder, 'environments.toml'), toml);
  return folder;
}

function fromEnv(env: Record<string, string>): EnvironmentManager {
  const manager = EnvironmentManager.fromEnv(env);
  managers.push(manager);
  return manager;
}
const idsOf = (manager: EnvironmentManager) => manager.list.map(({ id }) => id);

describe('CODEX_EXEC_SERVER_URL', () => {
  it.each([
    [undefined, ['local'], 'local'],
    ['  ', ['local'], 'local'],
    [' NONE ', [], undefined],
    [' ws://127.0.0.1:9 ', ['remote'], 'remote'],
  ])('%j', (url, ids, defaultId) => {
    const manager = fromEnv({ CODEX_HOME: home(), ...(url !== undefined && { CODEX_EXEC_SERVER_URL: url }) });
    expect(idsOf(manager)).toEqual(ids);
    expect(manager.default?.id).toBe(defaultId);
  });

  it('is not judged before it is used', async () => {
    const manager = fromEnv({ CODEX_HOME: home(), CODEX_EXEC_SERVER_URL: 'ftp://x' });
    await expect(manager.get().run({ argv: ['true'] })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(() => manager.get('other')).toThrow('environment `other` is not configured; configured: `remote`');
  });
});

describe('environments.toml', () => {
  it('replaces the variable, even when it is empty', () => {
    expect(idsOf(fromEnv({ CODEX_HOME: home(''), CODEX_EXEC_SERVER_URL: 'ws://127.0.0.1:9' }))).toEqual(['local']);
  });

  it('lists places by URL and by program', () => {
    const toml = `
      default = "dev"
      [[environments]]
      id = "dev"
      url = " wss://box:1 "
      connect_timeout_sec = 0.5
      [[environments]]
      id = "box"
      program = "ssh"
      args = ["box", "codex exec-server --listen stdio"]
      cwd = "sub"
      initialize_timeout_sec = 2
      [environments.env]
      K = "v"`;
    expect(parseEnvironments(toml, '/home/x/.codex/environments.toml')).toEqual({
      defaultId: 'dev',
      entries: [
        { id: 'local', place: { kind: 'local' } },
        { id: 'dev', place: { kind: 'url', url: 'wss://box:1', connectTimeoutMs: 500 } },
        {
          id: 'box',
          initializeTimeoutMs: 2000,
          place: {
            kind: 'program',
            command: 'ssh',
            args: ['box', 'codex exec-server --listen stdio'],
            env: { K: 'v' },
            cwd: '/home/x/.codex/sub',
          },
        },
      ],
    });
  });

  it.each([
    ['default = "none"', ['local'], undefined],
    ['include_local = false\n[[environments]]\nid = "a"\nurl = "ws://a"', ['a'], undefined],
    ['include_local = false\ndefault = "a"\n[[environments]]\nid = "a"\nurl = "ws://a"', ['a'], 'a'],
  ])('%j', (toml, ids, defaultId) => {
    const list = parseEnvironments(toml, '/f');
    expect(list.entries.map(({ id }) => id)).toEqual(ids);
    expect(list.defaultId).toBe(defaultId);
  });

  const one = (body: string) => `[[environments]]\nid = "a"\n${body}`;
  it.each([
    ['x = ', /^failed to parse environment config `\/f`: /],
    ['unknown = 1', /^failed to parse environment config `\/f`: .*unknown/i],
    ['default = "b"', /^default environment `b` is not configured$/],
    [`${one('url = "ws://x"')}\n${one('url = "ws://x"')}`, /^environment id `a` is duplicated$/],
    ['[[environments]]\nid = "Local"\nurl = "ws://x"', /^environment id `Local` is reserved$/],
    ['[[environments]]\nid = "ä"\nurl = "ws://x"', /must contain only ASCII letters, numbers, '-' or '_'$/],
    ['[[environments]]\nid = " a"\nurl = "ws://x"', /must not contain surrounding whitespace$/],
    [`[[environments]]\nid = "${'a'.repeat(65)}"\nurl = "ws://x"`, /cannot be longer than 64 characters$/],
    [one(''), /^environment `a` must set exactly one of url or program$/],
    [one('url = "ws://x"\nprogram = "y"'), /must set exactly one of url or program$/],
    [one('url = "ws://x"\nargs = []'), /^environment `a` args, env, and cwd require program$/],
    [one('program = "x"\nconnect_timeout_sec = 1'), /^environment `a` connect_timeout_sec requires url$/],
    [one('url = "http://x"'), /^environment url `http:\/\/x` must use ws:\/\/ or wss:\/\/$/],
    [one('program = "x"\ninitialize_timeout_sec = -1'), /^failed to parse/],
  ])('is refused: %j', (toml, message) => {
    expect(() => parseEnvironments(toml, '/f')).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => parseEnvironments(toml, '/f')).toThrow(message);
  });
});

describe('an environment', () => {
  it('connects when it is first used, and again after its connection has ended', async () => {
    const local = fromEnv({ CODEX_HOME: home() }).get();
    expect(local.kind).toBe('local');
    const [first, same] = await Promise.all([local.connect(), local.connect()]);
    expect(first).toBe(same);
    expect((await local.run({ argv: ['echo', 'here'] })).stdoutText).toBe('here\n');
    first.close();
    const file = `${home()}/f`;
    await local.fs.writeText(file, 'again');
    expect(await local.fs.readText(file)).toBe('again');
    expect(await local.connect()).not.toBe(first);
    await local.close();
    await expect(local.exec({ argv: ['true'] })).rejects.toMatchObject({ code: 'closed' });
  });

  it('tries anew after a failure', async () => {
    const manager = fromEnv({ CODEX_HOME: home('[[environments]]\nid = "a"\nprogram = "/no/such"') });
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(manager.get('a').fs.readFile('/x')).rejects.toMatchObject({ code: 'spawn' });
  });
});

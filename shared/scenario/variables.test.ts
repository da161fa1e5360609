// Variables of scenarios: declared, given, saved from answers; what is unknown is said by step and name.
import { describe, expect, it } from 'vitest';
import { connectionPair } from '../connection/memory.ts';
import { LocalError } from '../errors.ts';
import { differenceText } from './compare-connection.ts';
import type { Json } from './json.ts';
import { runScenario, scenarioLink, type RunOptions, type ScenarioPeer } from './run.ts';
import { parseScenario } from './scenario.ts';

const lines = (...all: readonly Json[]) => all.map((line) => JSON.stringify(line)).join('\n');
const meta = (vars: Json = {}): Json => ({ dir: 'meta', scenario: 'x', answers: 'byId', vars });

/** A server that answers each request with the text of the request; a notification, too, where it is asked to. */
function echoing(): ScenarioPeer & { readonly got: string[] } {
  const got: string[] = [];
  const open = () => {
    const [ours, theirs] = connectionPair();
    theirs.open({
      onMessage: (text) => {
        got.push(text);
        const { id, method, params } = JSON.parse(text) as { id?: Json; method: string; params?: Json };
        if (method === 'mute') return;
        if (id !== undefined) theirs.send(JSON.stringify({ id, result: { method, you: params ?? null } }));
        if (method === 'notify') theirs.send(JSON.stringify({ method: 'note', params: { token: 'from-a-note' } }));
      },
      onWritable: () => undefined,
      onClose: () => undefined,
    });
    return Promise.resolve(scenarioLink(ours));
  };
  return { got, open };
}

async function play(text: string, options: RunOptions = {}): Promise<{ got: string[]; found: string[] }> {
  const peer = echoing();
  const differences = await runScenario(parseScenario(text), peer, { surplusMs: 0, deadlineMs: 200, ...options });
  return { got: peer.got.slice(0, -1), found: differences.map(differenceText) };
}

describe('variables of a scenario', () => {
  it('have defaults and given values, of their kind, in texts, names and expectations', async () => {
    const text = lines(
      meta({ dir: '/tmp', count: 1, wants: false, who: null, open: '{{' }),
      {
        dir: 'send',
        msg: { id: '{{count}}', method: 'a', params: { path: '{{dir}}/{{who}}', '{{who}}': '{{wants}}' } },
      },
      { dir: 'recv', msg: { id: '{{count}}', result: { method: 'a', you: { path: '/tmp/"me"' } } } },
      { dir: 'send', raw: '{"id":2,"method":"{{dir}}{{open}}dir}}"}' },
      { dir: 'recv', msg: { id: 2, result: { method: 'x' } }, alt: { 'result.method': ['{{dir}}{{open}}dir}}'] } },
    );
    const variables = new Map([
      ['count', '7'],
      ['wants', 'true'],
      ['who', '"me"'],
    ]);
    const { got, found } = await play(text, { variables });
    expect(found).toEqual([]);
    expect(got).toEqual([
      '{"id":7,"method":"a","params":{"path":"/tmp/\\"me\\"","\\"me\\"":true}}',
      '{"id":2,"method":"/tmp{{dir}}"}',
    ]);
  });

  it('are saved from answers and notifications for the steps that follow, with their kind', async () => {
    const text = lines(
      meta(),
      { dir: 'send', msg: { id: 1, method: 'start', params: { ids: [{ id: 'p1', seq: 4 }] } } },
      { dir: 'recv', msg: { id: 1 }, save: { pid: 'result.you.ids[0].id', seq: 'msg.result.you.ids[0].seq' } },
      { dir: 'send', msg: { id: 2, method: 'notify', params: { processId: '{{pid}}', afterSeq: '{{seq}}' } } },
      { dir: 'recv', msg: { id: 2, result: { you: { processId: '{{pid}}' } } } },
      { dir: 'recv', msg: { method: 'note' }, save: { token: 'params.token' } },
      { dir: 'send', msg: { id: 3, method: '{{token}}' } },
      { dir: 'recv', msg: { id: 3, result: { method: '{{token}}!' } } },
    );
    const { got, found } = await play(text);
    expect(got[1]).toBe('{"id":2,"method":"notify","params":{"processId":"p1","afterSeq":4}}');
    expect(found, 'what looks like a secret is not shown').toEqual([
      'line 8: answer 3: result.method should be "{{token}}!", is "{{token}}"',
    ]);
  });

  it('that cannot be saved are a difference, and nothing is sent with them', async () => {
    const text = lines(
      meta(),
      { dir: 'send', msg: { id: 1, method: 'start' } },
      { dir: 'recv', msg: { id: 1 }, save: { pid: 'result.processId' } },
      { dir: 'send', msg: { id: 2, method: '{{pid}}' } },
    );
    const { got, found } = await play(text);
    expect(found).toEqual([
      'line 3: result.processId is missing: nothing to save as pid',
      'line 4: {{pid}} was not saved before',
    ]);
    expect(got.join()).not.toContain('{{pid}}');
  });

  it('that are unknown, without a value or of another kind are refused by step and name before anything is sent', async () => {
    const send: Json = { dir: 'send', msg: { id: 1, method: '{{pid}}' } };
    const late: Json = { dir: 'recv', msg: { id: 1 }, save: { pid: 'result' } };
    expect(() => parseScenario(lines(meta(), send, late))).toThrow(
      'line 2 of the scenario: send uses the unknown variable {{pid}}: declare it in "vars" of the first line',
    );
    expect(() => parseScenario(lines(meta({ 'a b': 1 })))).toThrow('letters, digits and _');
    const refused = (vars: Json, given: Record<string, string>) =>
      play(lines(meta(vars), send), { variables: new Map(Object.entries(given)) }).catch((error: unknown) => error);
    const why = (text: string): unknown =>
      expect.objectContaining({ message: expect.stringContaining(text) as unknown });
    expect(await refused({ pid: null }, {})).toEqual(
      why('line 2 of the scenario: send uses {{pid}}, which has no value'),
    );
    expect(await refused({ pid: 'a' }, { pod: '1' })).toEqual(
      why('unknown variable pod: the first line of the scenario declares pid'),
    );
    expect(await refused({ pid: 1 }, { pid: 'x' })).toEqual(why('variable pid: expected a number, got x'));
  });
});

describe('the end of a scenario', () => {
  it('is asked for with an id that no step has', async () => {
    const text = lines(
      meta(),
      { dir: 'send', msg: { id: 'scenario-end', method: 'a' } },
      { dir: 'recv', msg: { id: 'scenario-end', result: { method: 'a' } } },
      { dir: 'send', msg: { id: 'scenario-end-2', method: 'mute' } },
    );
    const peer = echoing();
    expect(await runScenario(parseScenario(text), peer, { surplusMs: 0, deadlineMs: 200 })).toEqual([]);
    expect(peer.got.at(-1)).toBe('{"id":"scenario-end-3","method":"scenario/end"}');
  });

  it('by the signal is no difference', async () => {
    const text = lines(
      meta(),
      { dir: 'send', msg: { id: 1, method: 'mute' } },
      { dir: 'recv', msg: { id: 1 } },
      { dir: 'send', msg: {} },
    );
    const stop = new AbortController();
    let steps = 0;
    const onStep = () => {
      if (++steps === 3) setTimeout(() => stop.abort(), 0);
    };
    const run = play(text, { signal: stop.signal, onStep, deadlineMs: 5_000 });
    await expect(run).rejects.toThrow(LocalError);
    await expect(run).rejects.toThrow('aborted');
  });
});

import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../../shared/relay/codec.ts';
import { tryFormatBytes, tryParseBytes, withForm } from './bytes-text.ts';
import { catalogEntry, composable, exampleMessage } from './catalog.ts';
import { checkMessage } from './check.ts';
import { emptyObject } from './form-model.ts';
import { formOfFrame, frameBytes, frameExample, nextFrame, rawFrameBytes } from './frame-form.ts';

const around = { cwd: '/tmp', wantsUris: true, processId: undefined };

describe('the catalog', () => {
  it('has a valid example of everything that a harness may send', () => {
    expect(composable.length).toBeGreaterThan(25);
    for (const method of composable)
      expect([method, checkMessage(exampleMessage(method, 'x', around))]).toEqual([method, []]);
    expect(catalogEntry('process/output'), 'comes from the executor').toBeUndefined();
  });

  it('tells forms what a method takes: required first, bytes, choices, lists, maps, variants, what may be null', () => {
    const fields = (method: string) => catalogEntry(method)?.fields ?? [];
    const field = (method: string, name: string) => fields(method).find((one) => one.name === name);
    expect(fields('process/start')[0]).toMatchObject({ name: 'processId', isRequired: true, type: { kind: 'text' } });
    expect(field('process/start', 'argv')?.type).toEqual({ kind: 'list', item: { kind: 'text' } });
    expect(field('process/start', 'env')?.type).toEqual({ kind: 'map', value: { kind: 'text' } });
    expect(field('process/start', 'kind')).toMatchObject({ type: { kind: 'choice' }, defaultText: '"direct"' });
    expect(field('process/start', 'io')).toMatchObject({
      isNullable: true,
      type: { kind: 'variants', member: 'type', variants: [{ name: 'pty' }, { name: 'pipe' }] },
    });
    expect(field('process/write', 'chunk')?.type.kind).toBe('base64');
    expect(field('http/request', 'headers')?.type).toMatchObject({ kind: 'list', item: { kind: 'object' } });
    expect(field('http/request', 'timeoutMs')).toMatchObject({ type: { kind: 'number' }, isNullable: true });
    expect(emptyObject(fields('process/resize'))).toEqual({ processId: '', rows: 0, cols: 0 });
  });
});

describe('a message as it is typed', () => {
  const problems = (text: string) =>
    checkMessage(text).map((problem) => `${problem.weight} ${text.slice(problem.from, problem.to)} ${problem.text}`);

  it.each([
    ['{"id":1,"method":"process/read","params":{"processId":"ä"}}', []],
    ['{"id":1,', ['error']],
    ['[]', ['error [] a message is one JSON object']],
    ['{"id":1,"result":{}}', ['error { a harness has nothing to answer']],
    [
      '{"id":1,"method":"process/raed","params":{}}',
      ['error "method":"process/raed" process/raed is no declared method: process/read?'],
    ],
    [
      '{"method":"environment/info"}',
      ['error "method":"environment/info" environment/info is a request and needs an id'],
    ],
    [
      '{"id":1,"method":"process/read","params":{"x":"ä","processId":7}}',
      [
        'error "processId":7 params.processId: expected string, got number 7',
        'note "x":"ä" x is not declared; it is ignored',
      ],
    ],
    ['{"id":1,"method":"process/read"}', ['error { params.processId: missing, expected string']],
  ])('%s', (text, expected) => {
    const found = problems(text);
    if (expected[0] === 'error') expect(found[0]).toMatch(/^error .*no JSON/);
    else expect(found).toEqual(expected);
  });
});

describe('bytes as they are typed', () => {
  it('are text, hex or base64, or none of that', () => {
    expect(tryParseBytes('7b 7D\n', 'hex')).toEqual(new Uint8Array([0x7b, 0x7d]));
    expect(tryParseBytes('7b7', 'hex')).toBeUndefined();
    expect([...(tryParseBytes('aGk=', 'base64') ?? [])]).toEqual([0x68, 0x69]);
    expect(tryParseBytes('aGk', 'base64')).toBeUndefined();
    expect(tryFormatBytes(new Uint8Array([1, 255]), 'hex')).toBe('01 ff');
    expect(tryFormatBytes(new Uint8Array([255]), 'text')).toBeUndefined();
    expect([withForm('hi', 'text', 'hex'), withForm('ff', 'hex', 'text'), withForm('f', 'hex', 'base64')]).toEqual([
      '68 69',
      'ff',
      'f',
    ]);
  });
});

describe('a relay frame as it is typed', () => {
  const form = { ...frameExample, streamId: 's', seq: 5, payload: 'hi', ack: 3, ackBits: 1 };

  it('has the bytes that the codec writes', () => {
    const body = {
      kind: 'data',
      seq: 5,
      segmentIndex: 0,
      segmentCount: 1,
      payload: new Uint8Array([0x68, 0x69]),
    } as const;
    const bytes = new Uint8Array(encodeFrame({ streamId: 's', ack: 3, ackBits: 1, body }));
    expect(frameBytes(form)).toEqual({ bytes });
  });

  it('may be wrong on purpose, and then says how', () => {
    expect(frameBytes({ ...form, version: 2 })).toMatchObject({ fault: 'version' });
    expect(frameBytes({ ...form, body: 'none' })).toMatchObject({ fault: 'no_body' });
    expect(frameBytes({ ...form, segmentCount: 0 })).toMatchObject({ fault: 'segment_fields' });
    expect(frameBytes({ ...form, ack: -1 })).toMatchObject({
      problem: expect.stringContaining('ack must be a whole number from 0 to 4294967295'),
    });
    expect(frameBytes({ ...form, ackBits: 2 ** 32 })).toMatchObject({ problem: expect.stringContaining('ack_bits') });
    expect(frameBytes({ ...form, payload: 'x', payloadForm: 'hex' })).toEqual({ problem: 'the payload is no hex' });
    expect(rawFrameBytes('ff', 'hex')).toMatchObject({ fault: 'malformed' });
    expect(rawFrameBytes('f', 'hex')).toEqual({ problem: 'this is no hex' });
  });

  it('comes back from its bytes', () => {
    for (const body of ['data', 'resume', 'reset', 'none'] as const) {
      const typed = { ...form, body, nextSeq: 9, reason: 'why' };
      const built = frameBytes(typed);
      expect('bytes' in built && formOfFrame(built.bytes)).toMatchObject({ streamId: 's', body });
    }
    expect(formOfFrame(new Uint8Array([255]))).toBeUndefined();
    const second = nextFrame({ ...form, segmentCount: 2 });
    expect(second).toMatchObject({ seq: 6, segmentIndex: 1 });
    expect(nextFrame(second)).toMatchObject({ seq: 7, segmentIndex: 0 });
  });
});

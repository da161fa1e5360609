import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEnvelope } from './envelope.ts';

/** Long enough that it is taken out of the text before the rest is parsed. */
const bulk = 'QUJD'.repeat(40_000);

test.each(['dataBase64', 'chunk', 'bodyBase64'])(
  'a message with bulk in params.%s is parsed as JSON.parse does',
  (member) => {
    const message = {
      id: 1,
      method: 'fs/writeFile',
      params: { path: '/tmp/"x', [member]: bulk, after: [1, { b: 2 }] },
    };
    expect(parseEnvelope(JSON.stringify(message))).toEqual({ kind: 'request', ...message });
  },
);

test.each([
  ['outside of params', `{"id":1,"method":"m","chunk":"${bulk}","params":{"a":1}}`],
  ['deeper in params', `{"id":1,"method":"m","params":{"deep":{"chunk":"${bulk}"}}}`],
  ['with an escape', `{"id":1,"method":"m","params":{"chunk":"${bulk}\\n"}}`],
  ['twice', `{"id":1,"method":"m","params":{"chunk":"${bulk}","chunk":"x"}}`],
  ['inside of another string', `{"id":1,"method":"m","params":{"path":${JSON.stringify(`"chunk":"${bulk}"`)}}}`],
])('bulk %s is parsed as JSON.parse does', (_, text) => {
  const { params } = JSON.parse(text) as { params: unknown };
  expect(parseEnvelope(text)).toEqual({ kind: 'request', id: 1, method: 'm', params });
});

test.each([
  ['not ended', `{"id":1,"method":"m","params":{"chunk":"${bulk}`],
  ['followed by garbage', `{"id":1,"method":"m","params":{"chunk":"${bulk}"}}}`],
  ['beside two ids', `{"id":1,"id":2,"method":"m","params":{"chunk":"${bulk}"}}`],
])('bulk %s is malformed', (_, text) => {
  expect(parseEnvelope(text).kind).toBe('malformed');
});

test('random messages with bulk anywhere are parsed as JSON.parse does', () => {
  const value = fc.oneof(fc.constant(bulk), fc.string(), fc.integer());
  const record = fc.dictionary(fc.constantFrom('chunk', 'dataBase64', 'path', 'bodyBase64'), value);
  fc.assert(
    fc.property(record, record, (params, beside) => {
      const message = { ...beside, id: 'i', method: 'm', params };
      expect(parseEnvelope(JSON.stringify(message))).toEqual({ kind: 'request', id: 'i', method: 'm', params });
    }),
  );
});

/** A message given as bytes, with its bulk put back as text. */
function parseBytes(text: string) {
  const envelope = parseEnvelope(new TextEncoder().encode(text));
  if (envelope.kind !== 'request' || !envelope.bulk) return envelope;
  const { bulk, ...request } = envelope;
  expect(request.params).toHaveProperty(bulk.member, '\u0000bulk');
  return {
    ...request,
    params: { ...(request.params as object), [bulk.member]: new TextDecoder().decode(bulk.base64) },
  };
}

test.each([
  ['in params', `{"id":1,"method":"m","params":{"path":"ü","chunk":"${bulk}","z":"ß"}}`],
  ['outside of params', `{"id":1,"method":"m","chunk":"${bulk}","params":{"a":1}}`],
  ['deeper in params', `{"id":1,"method":"m","params":{"deep":{"chunk":"${bulk}"}}}`],
  ['with an escape', `{"id":1,"method":"m","params":{"chunk":"${bulk}\\n"}}`],
  ['with a letter of two bytes', `{"id":1,"method":"m","params":{"chunk":"${bulk}ü"}}`],
  ['twice', `{"id":1,"method":"m","params":{"chunk":"${bulk}","chunk":"x"}}`],
  ['inside of another string', `{"id":1,"method":"m","params":{"path":${JSON.stringify(`"chunk":"${bulk}"`)}}}`],
  ['late', `{"id":1,"method":"m","params":{"path":"${'x'.repeat(20_000)}","chunk":"${bulk}"}}`],
  ['in a notification', `{"method":"m","params":{"chunk":"${bulk}"}}`],
  ['in an answer', `{"id":1,"result":{"chunk":"${bulk}"},"params":{"chunk":"${bulk}"}}`],
  ['not ended', `{"id":1,"method":"m","params":{"chunk":"${bulk}`],
  ['followed by garbage', `{"id":1,"method":"m","params":{"chunk":"${bulk}"}}}`],
  ['with a trace', `{"id":1,"method":"m","params":{"chunk":"${bulk}"},"trace":{"traceparent":"t"}}`],
])('a message as bytes, with bulk %s, says the same as its text', (_, text) => {
  expect(parseBytes(text)).toEqual(parseEnvelope(text));
});

test('the bulk of a message as bytes is a part of them', () => {
  const bytes = new TextEncoder().encode(`{"id":1,"method":"m","params":{"chunk":"${bulk}"}}`);
  const envelope = parseEnvelope(bytes);
  expect(envelope.kind === 'request' && envelope.bulk?.base64.buffer).toBe(bytes.buffer);
});

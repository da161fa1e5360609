import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorText, notificationText, parseEnvelope, requestText, responseText } from './envelope.ts';

const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const id = fc.oneof(
  fc.string(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => !Number.isSafeInteger(Number(value))),
);

describe('parseEnvelope', () => {
  it('reads back every request, notification, response and error that is written', () => {
    fc.assert(
      fc.property(id, fc.string(), json, (requestId, method, value) => {
        expect(parseEnvelope(requestText(requestId, method, value))).toEqual({
          kind: 'request',
          id: requestId,
          method,
          params: value,
        });
        expect(parseEnvelope(notificationText(method, value))).toEqual({ kind: 'notification', method, params: value });
        expect(parseEnvelope(responseText(requestId, value ?? {}))).toEqual({
          kind: 'response',
          id: requestId,
          result: value ?? {},
        });
        const error = { code: -32000, message: method, data: value };
        expect(parseEnvelope(errorText(requestId, error))).toEqual({ kind: 'error', id: requestId, error });
      }),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          json.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(parseEnvelope(text).kind).toMatch(/^(request|notification|response|error|malformed)$/);
        },
      ),
    );
  });

  it('finds the members in any order, among unknown ones', () => {
    expect(parseEnvelope('{"x":[{"id":9}],"params":null,"jsonrpc":"2.0","method":"m","id":0}')).toEqual({
      kind: 'request',
      id: 0,
      method: 'm',
      params: null,
    });
  });

  it('takes an empty id and an empty method for what they are', () => {
    expect(parseEnvelope('{"id":"","method":""}')).toMatchObject({ kind: 'request', id: '', method: '' });
  });

  it('echoes ids that a double cannot hold', () => {
    expect(parseEnvelope('{"id":9223372036854775807,"method":"m"}')).toMatchObject({ id: 9223372036854775807n });
    expect(requestText(9223372036854775807n, 'm', undefined)).toBe('{"id":9223372036854775807,"method":"m"}');
  });

  it('passes a trace through', () => {
    expect(parseEnvelope(requestText(1, 'm', {}, { traceparent: '00-x' }))).toMatchObject({
      trace: { traceparent: '00-x' },
    });
  });

  it.each([
    '',
    'null',
    '[]',
    '42',
    '"text"',
    '{}',
    '{"id":1}',
    '{"id":null,"method":"m"}',
    '{"id":1.5,"method":"m"}',
    '{"id":true,"method":"m"}',
    '{"id":{},"result":1}',
    '{"id":9223372036854775808,"method":"m"}',
    '{"method":7}',
    '{"id":1,"method":"m","trace":7}',
    '{"id":1,"error":{"code":"x","message":"m"}}',
    '{"id":1,"error":"text"}',
    '{"id":1,"id":2,"method":"m"}',
    '{"id":1,"method":"m","method":"n"}',
    '{"id":1,"method":"m"} trailing',
  ])('calls %s malformed, with a reason', (text) => {
    const envelope = parseEnvelope(text);
    expect(envelope.kind).toBe('malformed');
    expect(envelope).toHaveProperty('reason', expect.stringMatching(/./));
  });

  it('does not mind members that are repeated further in', () => {
    expect(parseEnvelope('{"id":1,"method":"m","params":{"id":2,"method":"n","x":{"id":3}}}').kind).toBe('request');
  });
});

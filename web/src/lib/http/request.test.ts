import { describe, expect, it } from 'vitest';
import { splitArgv } from '../argv.ts';
import { tryPrettyJson } from './json-text.ts';
import { curlCommand, plainRequest, prepareRequest, withoutSecrets, type PreparedRequest } from './request.ts';

const get = { ...plainRequest, url: 'http://127.0.0.1/' };

describe('prepareRequest', () => {
  it('adds a scheme and the type of the body, and leaves a type that is given', () => {
    const json = { ...get, url: '127.0.0.1:8080/a', method: 'POST', bodyKind: 'json' as const, bodyText: '{}' };
    expect(prepareRequest(json, undefined)).toEqual({
      method: 'POST',
      url: 'http://127.0.0.1:8080/a',
      headers: [{ name: 'content-type', value: 'application/json' }],
      body: '{}',
    });
    const typed = { ...json, headers: [{ name: 'Content-Type', value: 'application/x' }] };
    expect(prepareRequest(typed, undefined)).toMatchObject({ headers: typed.headers });
  });

  it.each([
    ['write an address first', { url: ' ' }],
    ['is no address', { url: 'http://' }],
    ['only http', { url: 'ftp://host/' }],
    ['no HTTP method', { method: 'GET IT' }],
    ['no name of a header', { headers: [{ name: 'a b', value: '' }] }],
    ['must be one line', { headers: [{ name: 'a', value: 'b\r\nc: d' }] }],
    ['choose the file', { bodyKind: 'file' as const }],
  ])('says “%s”', (words, part) => {
    const prepared = prepareRequest({ ...get, ...part }, undefined);
    expect('problem' in prepared && prepared.problem).toContain(words);
  });
});

it('as curl, words come out of their quotes as they are', () => {
  const request: PreparedRequest = {
    method: 'PUT',
    url: "http://127.0.0.1/it's?a=1&b=$HOME",
    headers: [{ name: 'x-empty', value: '' }],
    body: '"two\nlines" `id`',
  };
  const words = splitArgv(curlCommand(request, true));
  expect(words).toEqual({
    argv: [
      'curl',
      '--include',
      '--location',
      '--request',
      'PUT',
      '--header',
      'x-empty;',
      '--data-raw',
      request.body,
      request.url,
    ],
  });
});

it('keeps the names of headers that carry secrets, and not their values', () => {
  const headers = [
    { name: 'Authorization', value: 'Bearer x' },
    { name: 'accept', value: '*/*' },
  ];
  expect(withoutSecrets({ ...get, headers })).toMatchObject({
    hadSecrets: true,
    draft: { headers: [{ name: 'Authorization', value: '' }, headers[1]] },
  });
});

it('sets JSON out in lines without touching its values', () => {
  expect(tryPrettyJson('{"a":[1.0,{}, []],"b":"{,\\" :"}')).toBe(
    '{\n  "a": [\n    1.0,\n    {},\n    []\n  ],\n  "b": "{,\\" :"\n}',
  );
  expect(tryPrettyJson('{')).toBeUndefined();
});

import { expect, it } from 'vitest';
import { RpcCode } from '../errors.ts';
import { methods, notifications } from './methods.ts';
import { openRpc } from './openrpc.ts';

it('names every method with its params, result and errors, and notifications without a result', () => {
  const document = JSON.parse(JSON.stringify(openRpc('1.2.3'))) as {
    openrpc: string;
    methods: { name: string; params: { name: string; required: boolean; schema: unknown }[]; result?: unknown }[];
  };
  expect(document.openrpc).toMatch(/^1\.3\./);
  expect(document.methods.map(({ name }) => name)).toEqual([...methods.keys(), ...notifications.keys()]);
  const byName = new Map(document.methods.map((method) => [method.name, method]));
  const start = byName.get('process/start');
  expect(start?.params).toContainEqual(
    expect.objectContaining({ name: 'processId', required: true, schema: expect.objectContaining({ type: 'string' }) }),
  );
  expect(start?.params).toContainEqual(expect.objectContaining({ name: 'sandbox', required: false }));
  expect(start?.result).toBeDefined();
  expect(byName.get('process/output')).not.toHaveProperty('result');
  // Whoever reads it must be able to resolve it as it stands.
  expect(JSON.stringify(document)).not.toContain('"$ref"');
});

it('declares the errors of overload, of tokens and of sandboxes, so that whoever is made from it expects them', () => {
  const codesOf = new Map([...methods.values()].map(({ method, errors }) => [method, errors.map(({ code }) => code)]));
  const mayBeOverloaded = [
    'initialize',
    'process/start',
    'process/read',
    'process/write',
    'process/wait',
    'http/request',
  ];
  for (const { method, family, params } of methods.values()) {
    const codes = codesOf.get(method);
    const takesSandbox = family === 'filesystem' && 'sandbox' in params.shape;
    if (takesSandbox) expect(codes, method).toContain(RpcCode.invalidRequest);
    if (takesSandbox || mayBeOverloaded.includes(method)) expect(codes, method).toContain(RpcCode.overloaded);
    const isScoped = family === 'exec' || family === 'filesystem' || family === 'http';
    expect(codes?.includes(RpcCode.forbidden), method).toBe(isScoped);
  }
});

import { expect, it } from 'vitest';
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

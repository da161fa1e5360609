// The OpenRPC document (`GET /openrpc.json`), built from the declarations: for tools that make clients, forms and docs of it.

import * as z from 'zod';
import { initialize } from './initialize.ts';
import { methods, notifications } from './methods.ts';

/** What OpenRPC calls a content descriptor: a name and its JSON Schema. */
interface Content {
  readonly name: string;
  readonly required?: boolean;
  readonly schema: unknown;
}

/**
 * OpenRPC 1.3. Methods without a result are notifications; `x-from` says who sends them. `x-since` is the first peer that
 * knows a method. Params go by name or by position.
 * @param version of the program that serves it.
 */
export function openRpc(version: string): Record<string, unknown> {
  const calls = [...methods.values()].map((declaration) => ({
    name: declaration.method,
    summary: declaration.doc,
    tags: [{ name: declaration.family }],
    paramStructure: 'either',
    params: contents(declaration.params),
    result: { name: 'result', schema: jsonSchema(declaration.result, 'output') },
    errors: declaration.errors.map(({ code, when }) => ({ code, message: when })),
    'x-since': declaration.since,
  }));
  const notices = [...notifications.values()].map((declaration) => ({
    name: declaration.method,
    summary: declaration.doc,
    paramStructure: 'by-name',
    params: contents(declaration.params),
    'x-from': declaration.from,
    'x-since': declaration.since,
  }));
  return {
    openrpc: '1.3.2',
    info: {
      title: 'exec-server protocol',
      version,
      description: `JSON-RPC 2.0 whose messages leave out the jsonrpc member. The first request is ${initialize.method}, then the notification initialized.`,
      license: { name: 'MIT' },
    },
    methods: [...calls, ...notices],
  };
}

function contents(params: z.ZodObject): Content[] {
  return Object.entries<z.core.$ZodType>(params.shape).map(([name, schema]) => ({
    name,
    required: !isOptional(schema),
    schema: jsonSchema(schema, 'input'),
  }));
}

/** What may be left out is what takes undefined. */
function isOptional(schema: z.core.$ZodType): boolean {
  return z.safeParse(schema, undefined).success;
}

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...bare } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return bare;
}

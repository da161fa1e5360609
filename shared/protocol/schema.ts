// The published JSON Schema (`GET /schema/exec-server.json`), built from the declarations.

import * as z from 'zod';
import { methods, notifications } from './methods.ts';

/** JSON Schema 2020-12: `$defs` holds params and result per method, `x-methods` and `x-notifications` the reference. */
export function execServerSchema(): Record<string, unknown> {
  const $defs: Record<string, unknown> = {};
  const define = (name: string, schema: z.ZodType, io: 'input' | 'output') => {
    $defs[name] = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    return { $ref: `#/$defs/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` };
  };
  const methodReference = [...methods.values()].map((declaration) => ({
    method: declaration.method,
    since: declaration.since,
    doc: declaration.doc,
    params: define(`${declaration.method}.params`, declaration.params, 'input'),
    result: define(`${declaration.method}.result`, declaration.result, 'output'),
    errors: declaration.errors,
  }));
  const notificationReference = [...notifications.values()].map((declaration) => ({
    method: declaration.method,
    since: declaration.since,
    from: declaration.from,
    doc: declaration.doc,
    params: define(`${declaration.method}.params`, declaration.params, 'input'),
  }));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'exec-server protocol',
    description: 'Messages are JSON-RPC 2.0 envelopes without the jsonrpc member.',
    $defs,
    'x-methods': methodReference,
    'x-notifications': notificationReference,
  };
}

// What can be composed: the methods and notifications that a harness may send, each with its form, its reference and an
// example that is valid as it stands.

import * as z from 'zod';
import type { Declaration, DeclaredError, Since } from '../../../../shared/protocol/declare.ts';
import { methods, notifications } from '../../../../shared/protocol/methods.ts';
import { emptyObject, formFields, type FormField } from './form-model.ts';

export interface CatalogEntry {
  readonly method: string;
  readonly kind: Declaration['kind'];
  readonly doc: string;
  readonly since: Since;
  readonly errors: readonly DeclaredError[];
  readonly params: z.ZodObject;
  readonly fields: readonly FormField[];
  /** Of the answer; empty for a notification and for what is no object. */
  readonly resultFields: readonly FormField[];
}

export interface Surroundings {
  /** A directory of the executor. */
  readonly cwd: string;
  /** Paths are file: URIs. */
  readonly wantsUris: boolean;
  /** A process that runs, if any. */
  readonly processId: string | undefined;
}

const made = new Map<string, CatalogEntry>();

export const composable: readonly string[] = [
  ...methods.keys(),
  ...[...notifications.values()].filter(({ from }) => from === 'harness').map(({ method }) => method),
];

/** @returns undefined for what no harness sends. */
export function catalogEntry(method: string): CatalogEntry | undefined {
  const known = made.get(method);
  if (known) return known;
  const declared: Declaration | undefined = methods.get(method) ?? notifications.get(method);
  if (!declared || (declared.kind === 'notification' && declared.from !== 'harness')) return undefined;
  const { kind, doc, since, params } = declared;
  const entry: CatalogEntry = {
    method,
    kind,
    doc,
    since,
    params,
    errors: declared.kind === 'method' ? declared.errors : [],
    fields: formFields(jsonSchema(params, 'input')),
    resultFields: declared.kind === 'method' ? formFields(jsonSchema(declared.result, 'output')) : [],
  };
  made.set(method, entry);
  return entry;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output') {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' });
}

/** Params to begin with: valid, and harmless. */
export function exampleParams(method: string, around: Surroundings): Record<string, unknown> {
  const entry = catalogEntry(method);
  if (!entry) return {};
  const params = emptyObject(entry.fields);
  const path = (name: string) => {
    const whole = `${around.cwd.replace(/\/$/, '')}/${name}`.replace(/\/$/, '') || '/';
    return around.wantsUris ? `file://${encodeURI(whole)}` : whole;
  };
  const fill: Record<string, unknown> = {
    clientName: 'composer',
    processId: around.processId ?? 'p1',
    path: path(isOfDirectory(method) ? '' : 'example.txt'),
    sourcePath: path('example.txt'),
    destinationPath: path('copy.txt'),
    handleId: 'h1',
    watchId: 'w1',
    missing: [path('example.txt')],
    requestId: 'r1',
    ...(method === 'http/request' ? { method: 'GET', url: 'http://127.0.0.1:8765/healthz' } : {}),
    ...(method === 'process/resize' ? { rows: 24, cols: 80 } : {}),
    ...(method === 'process/write' ? { chunk: 'aGVsbG8K' } : {}),
    ...(method === 'fs/writeFile' ? { dataBase64: 'aGVsbG8K' } : {}),
    ...(method === 'fs/writeBlock' ? { chunk: 'aGVsbG8K' } : {}),
    ...(method === 'fs/readBlock' ? { len: 4096 } : {}),
  };
  for (const name of Object.keys(params)) if (name in fill) params[name] = fill[name];
  if (method !== 'process/start') return params;
  return {
    processId: freshName(),
    argv: ['/bin/sh', '-c', 'echo "$GREETING from $PWD"'],
    cwd: path(''),
    env: { GREETING: 'hello' },
    tty: false,
  };
}

/** The members of params that name something new: whoever sends a message again needs other ones. */
const newNames: Readonly<Record<string, string>> = {
  'process/start': 'processId',
  'http/request': 'requestId',
  'fs/open': 'handleId',
};

export function withFreshName(method: string, params: Record<string, unknown>): Record<string, unknown> {
  const member = newNames[method];
  return member !== undefined && member in params ? { ...params, [member]: freshName() } : params;
}

let nameCount = 0;

/** It names one thing, also when the example is taken twice. */
function freshName(): string {
  nameCount++;
  return `composer-${Date.now().toString(36)}-${nameCount}`;
}

function isOfDirectory(method: string): boolean {
  return ['fs/readDirectory', 'fs/walk', 'fs/getMetadata', 'fs/canonicalize'].includes(method);
}

/** A message of `method`, as text. */
export function exampleMessage(method: string, id: string, around: Surroundings): string {
  const isNotification = catalogEntry(method)?.kind === 'notification';
  const head = isNotification ? { method } : { id, method };
  return JSON.stringify({ ...head, params: exampleParams(method, around) }, null, 2);
}

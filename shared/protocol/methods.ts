// All declarations by name.

import type { Declaration, MethodDeclaration, NotificationDeclaration } from './declare.ts';
import * as environment from './environment.ts';
import * as fs from './fs.ts';
import * as http from './http.ts';
import * as handshake from './initialize.ts';
import * as process from './process.ts';

function declarationsOf(module: Record<string, unknown>): Declaration[] {
  return Object.values(module).filter(isDeclaration);
}

function isDeclaration(value: unknown): value is Declaration {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  return value.kind === 'method' || value.kind === 'notification';
}

const all = [handshake, process, fs, http, environment].flatMap((module) => declarationsOf({ ...module }));

export const methods: ReadonlyMap<string, MethodDeclaration> = new Map(
  all.flatMap((declaration) => (declaration.kind === 'method' ? [[declaration.method, declaration] as const] : [])),
);

export const notifications: ReadonlyMap<string, NotificationDeclaration> = new Map(
  all.flatMap((declaration) =>
    declaration.kind === 'notification' ? [[declaration.method, declaration] as const] : [],
  ),
);

/** What the answer to `initialize` advertises as `extensions` (docs/protocol.md, "Extensions"). */
export const extensionNames: readonly string[] = [
  ...all.filter((declaration) => declaration.since === 'extension').map((declaration) => declaration.method),
  'process/start.io',
  'process/start.kind',
  'process/terminate.mode',
];

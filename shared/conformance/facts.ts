// What is found out about a target before the cases run: dialect, extensions, platform.

import { LocalError, RpcError } from '../errors.ts';
import { utf8Decode } from '../bytes.ts';
import type { Dialect } from './case.ts';
import type { CaseContext } from './context.ts';
import { Mismatch } from './mismatch.ts';

export interface Facts {
  readonly dialect: Dialect;
  /** As `initialize` advertised them. */
  readonly extensions: ReadonlySet<string>;
  /** `uname -s`; '' when no program could be run. */
  readonly os: string;
  readonly isRoot: boolean;
  /** `executorVersion`, where the server says it. */
  readonly serverVersion: string;
}

/** Known before anything was asked. */
export const noFacts: Facts = { dialect: '0.169', extensions: new Set(), os: '', isRoot: false, serverVersion: '' };

/**
 * Shakes hands once. A server that tells about its environment speaks 0.169.
 * @throws LocalError as dialling does, `initialize-timeout`, `protocol` when the answer is none.
 */
export async function findFacts(t: CaseContext, wanted: Dialect | 'auto', waitMs: number): Promise<Facts> {
  const wire = await t.wire();
  const id = wire.request('initialize', { clientName: 'exec-workbench conform' });
  const answer = await wire.answer(id, waitMs).catch((error: unknown) => {
    if (!(error instanceof Mismatch)) throw error;
    if (wire.closeInfo) throw new LocalError('protocol', `initialize was not answered: ${error.got}`);
    if (wire.received[0]) {
      throw new LocalError('protocol', `this is no exec server: it sent ${wire.received[0].text.slice(0, 200)}`);
    }
    throw new LocalError('initialize-timeout', `initialize was not answered within ${waitMs} ms`);
  });
  if (answer.error) throw new RpcError(answer.error.code, answer.error.message);
  const result = isRecord(answer.result) ? answer.result : {};
  const environment = isRecord(result['environmentInfo']) ? result['environmentInfo'] : undefined;
  const extensions = Array.isArray(result['extensions']) ? result['extensions'] : [];
  const dialect = wanted === 'auto' ? (environment ? '0.169' : '0.131') : wanted;
  wire.notify('initialized', {});
  const said = await t
    .using(dialect)
    .start(wire, { script: 'id -u; uname -s' })
    .then((process) => process.untilClosed())
    .then(({ stdout }) => utf8Decode(stdout).split('\n'))
    .catch(() => ['', '']);
  return {
    dialect,
    extensions: new Set(extensions.filter((name): name is string => typeof name === 'string')),
    os: said[1] ?? '',
    isRoot: said[0] === '0',
    serverVersion: typeof environment?.['executorVersion'] === 'string' ? environment['executorVersion'] : '',
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

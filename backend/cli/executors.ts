// `exec-workbench executors`: who is online at a registry.

import { listExecutors, type OnlineExecutor } from '../../shared/client/registry-api.ts';
import { limits } from '../../shared/limits.ts';
import { readMs, registryOf, tokenOf, type TargetFlags } from './target.ts';

/** @throws UsageError, LocalError. */
export async function executors(flags: TargetFlags & { readonly json?: boolean }): Promise<number> {
  const timeoutMs = readMs('--timeout-ms', flags.timeoutMs) ?? limits.connectTimeoutMs;
  const list = await listExecutors({ registry: registryOf(flags), token: tokenOf(flags) }, { timeoutMs });
  if (flags.json === true) for (const executor of list) process.stdout.write(`${JSON.stringify(executor)}\n`);
  else if (list.length === 0) process.stderr.write('exec-workbench: no executor is online\n');
  else process.stdout.write(table([['ID', 'NAME', 'STREAMS', 'ONLINE SINCE'], ...list.map(row)]));
  return 0;
}

function row({ executor_id: id, name = '', streams, online_since: since }: OnlineExecutor): string[] {
  return [id, name, typeof streams === 'number' ? String(streams) : '', typeof since === 'string' ? since : ''].map(
    // Names are chosen by others: no control characters on our terminal.
    (text) => text.replaceAll(/\p{Cc}/gu, '?'),
  );
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((cells) => `${line(cells).trimEnd()}\n`).join('');
}

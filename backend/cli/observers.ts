// Who listens to what happens on a server of ours, by its settings and its environment: the audit log, OpenTelemetry.

import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { BridgeTarget } from '../../shared/connection/bridge.ts';
import type { AuditSettings } from '../audit/audit-log.ts';
import type { Refusal } from '../auth/access.ts';
import type { Grant } from '../auth/grant.ts';
import { observers, type ExecObserver } from '../exec/observer.ts';
import { telemetry } from '../telemetry/telemetry.ts';
import { version } from '../version.ts';

export interface Observers {
  /** For the exec server. */
  readonly exec: ExecObserver | undefined;
  /** For the doorkeeper. */
  readonly onRefused: (request: IncomingMessage, refusal: Refusal) => void;
  /** For the bridge. */
  readonly onBridged: (from: string, grant: Grant, target: BridgeTarget) => void;
}

/** @throws Error when the audit log cannot be opened. */
export async function makeObservers(settings: AuditSettings, log: Logger): Promise<Observers> {
  const audit = settings.auditLog === '' ? undefined : await openAuditLog(settings, log);
  return {
    exec: observers([audit, await telemetry(process.env, version)]),
    onRefused: (request, { code }) => {
      const target = (request.url ?? '').replace(/[?#].*$/s, '').slice(0, 500);
      audit?.refused(request.socket.remoteAddress ?? 'unknown', code, target);
    },
    onBridged: (from, { tokenId }, target) => audit?.bridged(from, tokenId, target),
  };
}

async function openAuditLog(settings: AuditSettings, log: Logger) {
  // Loaded where one is asked for.
  const { AuditLog } = await import('../audit/audit-log.ts');
  return AuditLog.open(settings, (problem) => log.error({ problem }, 'the audit log is not whole'));
}

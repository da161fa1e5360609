// The audit log: who connected from where with which token, what was started, changed and asked for, and how it ended. JSON
// lines, one per event, in a file that is rotated by size (docs/operations.md, "Audit log").

import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { BridgeTarget } from '../../shared/connection/bridge.ts';
import { urlWithoutSecrets } from '../../shared/connection/dialing.ts';
import { errorText } from '../../shared/errors.ts';
import { UsageError } from '../config.ts';
import type { AnsweredRequest, ConnectionFacts, EndedProcess, ExecObserver } from '../exec/observer.ts';
import { auditedParams, withoutQueries, withoutSecrets } from './audited-params.ts';

export interface AuditSettings {
  readonly auditLog: string;
  /** A file is rotated when it has so many bytes; so many former ones are kept. */
  readonly auditLogMaxBytes: number;
  readonly auditLogFiles: number;
}

/** A longer line keeps its beginning only: one request must not push a file's worth of events out of the rotation. */
const maxFactsLength = 64 * 1024;

/** Lines that wait for a slow disk, in bytes: more are left out, and counted. */
const maxQueuedBytes = 16 * 1024 * 1024;

export class AuditLog implements ExecObserver {
  readonly #stream: RotatingFileStream;
  #lost = 0;

  private constructor(
    settings: AuditSettings,
    private readonly onProblem: (problem: string) => void,
  ) {
    const { auditLog: path, auditLogMaxBytes, auditLogFiles } = settings;
    this.#stream = createStream(
      (index) => (typeof index === 'number' ? `${basename(path)}.${index}` : basename(path)),
      {
        path: dirname(path),
        size: `${auditLogMaxBytes}B`,
        rotate: auditLogFiles,
        mode: 0o600,
      },
    );
    this.#stream.on('error', (error) => onProblem(errorText(error)));
    this.#stream.on('drain', () => this.#tellLoss());
  }

  /**
   * @param onProblem told when the file cannot be written.
   * @throws UsageError when it cannot be opened.
   */
  static async open(settings: AuditSettings, onProblem: (problem: string) => void): Promise<AuditLog> {
    try {
      await (await open(settings.auditLog, 'a', 0o600)).close();
    } catch (error) {
      throw new UsageError(`--audit-log: ${errorText(error)}`);
    }
    const log = new AuditLog(settings, onProblem);
    await once(log.#stream, 'open');
    return log;
  }

  connected({ id, label, tokenId }: ConnectionFacts): void {
    this.#write('connected', { connection: id, from: label, token: tokenId });
  }

  disconnected({ id }: ConnectionFacts, reason: string): void {
    this.#write('disconnected', { connection: id, reason });
  }

  answered({ connection, sessionId, method, params, error }: AnsweredRequest): void {
    const facts = auditedParams(method, params);
    if (!facts) return;
    const outcome = error ? { error: { ...error, message: withoutQueries(error.message) } } : {};
    this.#write(method, {
      connection: connection.id,
      token: connection.tokenId,
      session: sessionId,
      ...facts,
      ...outcome,
    });
  }

  processExited({ sessionId, processId, exitCode }: EndedProcess): void {
    this.#write('process/exited', { session: sessionId, processId, exitCode });
  }

  sessionEnded(sessionId: string): void {
    this.#write('session ended', { session: sessionId });
  }

  /** A peer that was not let in. */
  refused(from: string, code: string, target: string): void {
    this.#write('refused', { from, code, target });
  }

  /** A page asked to be connected to a server, or to a program that is started for it. */
  bridged(from: string, tokenId: string, target: BridgeTarget): void {
    const facts =
      'target' in target
        ? { url: urlWithoutSecrets(target.target) }
        : { argv: withoutSecrets(target.command), cwd: target.cwd };
    this.#write('bridge', { from, token: tokenId, ...facts });
  }

  async close(): Promise<void> {
    this.#tellLoss();
    await new Promise<void>((resolve) => this.#stream.end(resolve));
  }

  #write(event: string, facts: Readonly<Record<string, unknown>>): void {
    if (this.#stream.writableLength > maxQueuedBytes) {
      if (this.#lost++ === 0) this.onProblem('the disk is too slow for the audit log: events are left out');
      return;
    }
    const head = { time: new Date().toISOString(), event };
    const line = JSON.stringify({ ...head, ...facts });
    if (line.length <= maxFactsLength) {
      this.#stream.write(`${line}\n`);
      return;
    }
    const { connection, token, session } = facts;
    const cut = { connection, token, session, length: line.length, cut: line.slice(0, maxFactsLength / 4) };
    this.#stream.write(`${JSON.stringify({ ...head, ...cut })}\n`);
  }

  #tellLoss(): void {
    const lost = this.#lost;
    if (lost === 0) return;
    this.#lost = 0;
    this.#write('lost', { events: lost });
  }
}

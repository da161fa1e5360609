// Follows what was said between two ends, row by row: pairs answers with requests, and finds what breaks a rule. It sees a
// row once, when it comes, and keeps only what later rows need.

import { describeIssue } from '../../../../shared/protocol/declare.ts';
import { methods, notifications } from '../../../../shared/protocol/methods.ts';
import { processOutput } from '../../../../shared/protocol/process.ts';
import type { FrameRow, MessageRow, Row } from './row.ts';
import type { Anomaly, RuleId } from './rules.ts';
import { SequenceWatch } from './sequence.ts';

/** An answer that takes longer, in ms, is pointed out, unless its method may wait. */
const lateMs = 10_000;
const waitingMethods: ReadonlySet<string> = new Set(['process/read', 'process/wait', 'process/write', 'http/request']);

interface SeenProcess {
  readonly seqs: SequenceWatch;
  isStarting: boolean;
  isClosed: boolean;
}

interface Conversation {
  readonly pending: Map<string, MessageRow[]>;
  readonly processes: Map<string, SeenProcess>;
}

export class Conversations {
  readonly #conversations = new Map<string, Conversation>();
  /** Of relay streams, per direction. */
  readonly #segments = new Map<string, SequenceWatch>();

  /** Sets `pair`, `latencyMs`, `method` and `anomalies`. @returns rows before this one that got an anomaly through it. */
  see(row: Row): readonly Row[] {
    switch (row.layer) {
      case 'message':
        row.anomalies = this.#seeMessage(row);
        return [];
      case 'frame':
        row.anomalies = this.#seeFrame(row);
        return [];
      case 'event':
        if (row.entry.event === 'closed' || row.entry.event === 'failed') return this.#end(row.entry.connection);
        if (row.entry.event === 'open') this.#begin(row.entry.connection);
        return [];
    }
  }

  #seeMessage(row: MessageRow): readonly Anomaly[] {
    const { entry, head } = row;
    const conversation = this.#of(entry.connection, row.stream);
    const found: Anomaly[] = [];
    switch (head.kind) {
      case 'malformed':
        found.push({ rule: 'illegal', detail: head.problem });
        break;
      case 'request': {
        const wrong = illegalRequest(row);
        if (wrong !== undefined) found.push({ rule: 'illegal', detail: wrong });
        if (entry.dir === 'in') break;
        const waiting = conversation.pending.get(row.id);
        if (waiting) waiting.push(row);
        else conversation.pending.set(row.id, [row]);
        if (row.method === 'process/start' && row.processId !== '' && !conversation.processes.has(row.processId)) {
          const seqs = new SequenceWatch(0);
          conversation.processes.set(row.processId, { seqs, isStarting: true, isClosed: false });
        }
        break;
      }
      case 'notification': {
        const wrong = illegalNotification(row);
        if (wrong !== undefined) found.push({ rule: 'illegal', detail: wrong });
        if (entry.dir === 'in') found.push(...seeProcessEvent(row, conversation));
        break;
      }
      case 'response':
      case 'error':
        found.push(...pairAnswer(row, conversation));
    }
    return found.length === 0 ? none : found;
  }

  #seeFrame({ entry, frame }: FrameRow): readonly Anomaly[] {
    if (typeof frame === 'string') return [{ rule: 'bad-frame', detail: frame }];
    if (!frame.data) return none;
    const key = `${entry.connection}\n${frame.streamId}\n${entry.dir}`;
    let watch = this.#segments.get(key);
    if (!watch) this.#segments.set(key, (watch = new SequenceWatch(undefined)));
    const finding = watch.see(frame.data.seq);
    return finding ? [{ rule: `frame-${finding.kind}`, detail: `segment ${finding.detail}` }] : none;
  }

  #of(connection: string, stream: string): Conversation {
    const key = `${connection}\n${stream}`;
    let conversation = this.#conversations.get(key);
    if (!conversation) {
      conversation = { pending: new Map(), processes: new Map() };
      this.#conversations.set(key, conversation);
    }
    return conversation;
  }

  /** A new connection of that name: a resumed session does not repeat what was missed. */
  #begin(connection: string): void {
    for (const [key, { processes }] of this.#conversations) {
      if (!key.startsWith(`${connection}\n`)) continue;
      for (const { seqs } of processes.values()) seqs.allowGap();
    }
  }

  #end(connection: string): readonly Row[] {
    const unanswered: Row[] = [];
    for (const [key, { pending }] of this.#conversations) {
      if (!key.startsWith(`${connection}\n`)) continue;
      for (const row of [...pending.values()].flat()) {
        row.anomalies = [...row.anomalies, { rule: 'unanswered', detail: `${row.method} (id ${row.id})` }];
        unanswered.push(row);
      }
      pending.clear();
    }
    return unanswered;
  }
}

const none: readonly Anomaly[] = [];

function pairAnswer(row: MessageRow, conversation: Conversation): readonly Anomaly[] {
  const { pending, processes } = conversation;
  if (row.entry.dir === 'out') return [{ rule: 'illegal', detail: 'a harness has nothing to answer' }];
  // The answer to a message without a usable id.
  if (row.id === '-1' && row.kind === 'error') return none;
  const waiting = pending.get(row.id);
  const request = waiting?.shift();
  if (waiting?.length === 0) pending.delete(row.id);
  if (!request) return [{ rule: 'unknown-id', detail: `id ${row.id}` }];
  const latencyMs = row.entry.atMs - request.entry.atMs;
  Object.assign(request, { pair: row, latencyMs });
  Object.assign(row, { pair: request, latencyMs, method: request.method });
  if (request.method === 'process/start') {
    const started = processes.get(request.processId);
    if (row.kind === 'response' && started) started.isStarting = false;
    // A refused start leaves nothing, or the process that had the id before.
    else if (started?.isStarting) processes.delete(request.processId);
  }
  const found: Anomaly[] = [];
  const wrong = illegalResult(row, request.method);
  if (wrong !== undefined) found.push({ rule: 'illegal', detail: wrong });
  if (latencyMs > lateMs && !waitingMethods.has(request.method)) {
    found.push({ rule: 'late-reply', detail: `${request.method} took ${Math.round(latencyMs)} ms` });
  }
  return found;
}

const processEvents: ReadonlySet<string> = new Set(['process/output', 'process/exited', 'process/closed']);

function seeProcessEvent({ method, processId, head }: MessageRow, { processes }: Conversation): readonly Anomaly[] {
  if (!processEvents.has(method) || head.seq === undefined) return none;
  let process = processes.get(processId);
  if (!process) {
    // It was started before the recording, or on another connection of the session.
    process = { seqs: new SequenceWatch(undefined), isStarting: false, isClosed: false };
    processes.set(processId, process);
  }
  const found: Anomaly[] = [];
  const note = (rule: RuleId, detail: string) => found.push({ rule, detail: `${processId}: ${detail}` });
  if (process.isStarting) {
    note('early', `${method} before the answer to process/start`);
    process.isStarting = false;
  }
  if (process.isClosed) note('after-closed', `${method} ${head.seq}`);
  const finding = process.seqs.see(head.seq);
  if (finding) note(finding.kind, `seq ${finding.detail}`);
  if (method === 'process/closed') process.isClosed = true;
  return found;
}

function illegalRequest({ entry, head, method }: MessageRow): string | undefined {
  if (entry.dir === 'in') return `an executor sends no requests (${method})`;
  const declared = methods.get(method);
  if (!declared) return `${method} is no declared method`;
  if (head.envelope?.kind !== 'request') return undefined;
  const { params } = head.envelope;
  // By position is rare and allowed: it is left to the server.
  if (Array.isArray(params) || (declared.paramsOptional && params == null)) return undefined;
  return issueOf(declared.params.safeParse(params), params);
}

function illegalNotification({ entry, head, method }: MessageRow): string | undefined {
  const declared = notifications.get(method);
  if (!declared) return `${method} is no declared notification`;
  if (declared.from !== (entry.dir === 'out' ? 'harness' : 'executor'))
    return `${method} comes from the ${declared.from}`;
  if (head.envelope?.kind !== 'notification') return undefined;
  const params = head.envelope.params ?? {};
  if (method === processOutput.method && isPlainOutput(params)) return undefined;
  return issueOf(declared.params.safeParse(params), params);
}

/** Of all messages these are the most: a look at their members costs a tenth of the full check, which judges the others. */
function isPlainOutput(params: object): boolean {
  const { processId, seq, stream, chunk } = params as Record<string, unknown>;
  return (
    typeof processId === 'string' &&
    Number.isInteger(seq) &&
    (stream === 'stdout' || stream === 'stderr' || stream === 'pty') &&
    typeof chunk === 'string'
  );
}

function illegalResult({ head }: MessageRow, method: string): string | undefined {
  if (head.envelope?.kind !== 'response') return undefined;
  const { result } = head.envelope;
  const issue = issueOf(methods.get(method)?.result.safeParse(result), result);
  return issue === undefined ? undefined : `${method}: ${issue.replace(/^params/, 'result')}`;
}

function issueOf(
  parsed: { error?: { issues: Parameters<typeof describeIssue>[0][] } | undefined } | undefined,
  input: unknown,
): string | undefined {
  return parsed?.error ? describeIssue(parsed.error.issues[0], input) : undefined;
}

// Watches one connection and notes every message of the server that a server may not send (docs/protocol.md).
// It never changes a message. WireClient runs behind it always; a test fails when `violations` is not empty.
import { isObject, type Json, type JsonObject } from './json.ts';

/** What the sniffer remembers of a process: the rules of docs/protocol.md §5 are per process. */
interface SeenProcess {
  lastSeq: number;
  isExited: boolean;
  isClosed: boolean;
}

/** Checks the shape of a result or of the params of a notification; returns what is wrong. */
export interface ShapeCheck {
  result(method: string, result: Json): string | undefined;
  notification(method: string, params: Json | undefined): string | undefined;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export class WireSniffer {
  readonly violations: string[] = [];
  /** Requests by id (as JSON text, since 1 is not "1") in the order sent; an id may be in use twice. */
  readonly #pending = new Map<string, { method: string; params: Json | undefined }[]>();
  readonly #processes = new Map<string, SeenProcess>();
  readonly #bodySeqs = new Map<string, number>();
  readonly #shapes: ShapeCheck | undefined;
  /** True once the client asked to resume: processes may then be in the middle of their life. */
  #hasResumed = false;

  constructor(shapes?: ShapeCheck) {
    this.#shapes = shapes;
  }

  /** To be told every message that the client sends and that is a request with a valid id. */
  onRequest(id: Json, method: string, params: Json | undefined): void {
    const key = JSON.stringify(id);
    const queue = this.#pending.get(key) ?? [];
    queue.push({ method, params });
    this.#pending.set(key, queue);
    if (method === 'initialize' && isObject(params) && typeof params['resumeSessionId'] === 'string') {
      this.#hasResumed = true;
    }
  }

  onServerMessage(text: string, message: Json | undefined): void {
    if (!isObject(message)) {
      this.#note('is no JSON object', text);
      return;
    }
    if ('method' in message) this.#checkNotification(message, text);
    else this.#checkAnswer(message, text);
  }

  #note(rule: string, text: string): void {
    // The first ones tell what is wrong; ten thousand would drown it.
    if (this.violations.length < 20) this.violations.push(`${rule}: ${text.slice(0, 300)}`);
  }

  #checkAnswer(message: JsonObject, text: string): void {
    const hasResult = 'result' in message;
    const error = message['error'];
    if (hasResult === 'error' in message) this.#note('an answer has either result or error', text);
    if (!('id' in message)) {
      this.#note('an answer has an id', text);
      return;
    }
    if (!hasResult) {
      if (!isObject(error) || !Number.isInteger(error['code']) || typeof error['message'] !== 'string') {
        this.#note('an error has an integer code and a message', text);
      } else if (error['message'] === '') this.#note('an error message says something', text);
    }
    // Malformed messages are answered with id -1 and no request (docs/protocol.md §2.2).
    if (message['id'] === -1 && !hasResult) return;
    const key = JSON.stringify(message['id']);
    const queue = this.#pending.get(key);
    const request = queue?.shift();
    if (queue?.length === 0) this.#pending.delete(key);
    if (!request) {
      this.#note('an answer belongs to a request that is not answered yet', text);
      return;
    }
    if (!hasResult) return;
    const wrong = this.#shapes?.result(request.method, message['result'] ?? null);
    if (wrong !== undefined) this.#note(`the result of ${request.method} fits its declaration (${wrong})`, text);
    if (request.method === 'process/start' && isObject(request.params)) {
      const processId = request.params['processId'];
      if (typeof processId === 'string') {
        this.#processes.set(processId, { lastSeq: 0, isExited: false, isClosed: false });
      }
    }
  }

  #checkNotification(message: JsonObject, text: string): void {
    const method = message['method'];
    const params = message['params'];
    if ('id' in message) this.#note('a server sends no requests', text);
    if (typeof method !== 'string' || !isObject(params)) {
      this.#note('a notification has a method and an object as params', text);
      return;
    }
    const wrong = this.#shapes?.notification(method, params);
    if (wrong !== undefined) this.#note(`${method} fits its declaration (${wrong})`, text);
    if (method === 'process/output' || method === 'process/exited' || method === 'process/closed') {
      this.#checkProcessEvent(method, params, text);
    } else if (method === 'http/request/bodyDelta') this.#checkBodyDelta(params, text);
  }

  #checkProcessEvent(method: string, params: JsonObject, text: string): void {
    const { processId, seq } = params;
    if (typeof processId !== 'string' || typeof seq !== 'number' || !Number.isInteger(seq) || seq < 1) {
      this.#note(`${method} has a processId and a seq from 1`, text);
      return;
    }
    let seen = this.#processes.get(processId);
    if (!seen) {
      if (!this.#hasResumed) this.#note('events of a process come after the answer of process/start', text);
      seen = { lastSeq: seq - 1, isExited: false, isClosed: false };
      this.#processes.set(processId, seen);
    }
    // After a resume, what fell into the gap is not repeated: seq may jump forward, never back.
    const isInOrder = this.#hasResumed ? seq > seen.lastSeq : seq === seen.lastSeq + 1;
    if (!isInOrder) this.#note(`seq counts 1, 2, 3 in wire order (last was ${String(seen.lastSeq)})`, text);
    seen.lastSeq = seq;
    if (seen.isClosed) this.#note('nothing comes after closed', text);
    if (method === 'process/output') {
      const { chunk, stream } = params;
      if (typeof chunk !== 'string' || chunk === '' || !BASE64.test(chunk.slice(-4)) || chunk.length % 4 !== 0) {
        this.#note('a chunk is padded base64 and not empty', text);
      } else if (chunk.length > (1024 * 1024 * 4) / 3 + 4) this.#note('a chunk holds at most 1 MiB', text);
      if (stream !== 'stdout' && stream !== 'stderr' && stream !== 'pty')
        this.#note('stream is stdout, stderr or pty', text);
    } else if (method === 'process/exited') {
      if (seen.isExited) this.#note('exited comes once', text);
      if (!Number.isInteger(params['exitCode'])) this.#note('exited has an integer exitCode', text);
      seen.isExited = true;
    } else {
      if (!seen.isExited && !this.#hasResumed) this.#note('closed comes after exited', text);
      seen.isClosed = true;
    }
  }

  #checkBodyDelta(params: JsonObject, text: string): void {
    const { requestId, seq, done, deltaBase64 } = params;
    if (typeof requestId !== 'string' || typeof seq !== 'number' || typeof done !== 'boolean') {
      this.#note('bodyDelta has a requestId, a seq and done', text);
      return;
    }
    const last = this.#bodySeqs.get(requestId) ?? 0;
    if (seq !== last + 1) this.#note(`bodyDelta seq counts 1, 2, 3 (last was ${String(last)})`, text);
    if (done && deltaBase64 !== '') this.#note('the last bodyDelta is empty', text);
    if (done) this.#bodySeqs.delete(requestId);
    else this.#bodySeqs.set(requestId, seq);
  }
}

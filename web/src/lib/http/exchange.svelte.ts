// One HTTP request and its answer, as it comes.
//
//   waiting     headers | error | cancel     receiving | failed | cancelled
//   receiving   end | error | cancel         done | failed | cancelled

import type { ExecServerClient } from '../../../../shared/client/harness.ts';
import { concatBytes } from '../../../../shared/bytes.ts';
import { LocalError } from '../../../../shared/errors.ts';
import type { Explanation } from '../explain-error.ts';
import { explainRequest } from './explain.ts';
import type { Header, PreparedRequest } from './request.ts';

export type ExchangeState = 'waiting' | 'receiving' | 'done' | 'failed' | 'cancelled';

/** Most that is kept of a body, in bytes: the protocol cannot hold it back. */
const maxBodyBytes = 64 * 1024 * 1024;
/** Of a body this much is shown, in bytes; the rest can be saved. */
export const maxShownBytes = 1024 * 1024;
/** What comes is shown this often, ms. */
const showMs = 100;

export class Exchange {
  state = $state<ExchangeState>('waiting');
  status = $state<number | undefined>();
  headers = $state.raw<readonly Header[]>([]);
  bodyBytes = $state(0);
  /** The beginning of the body, up to `maxShownBytes`. */
  shown = $state.raw<Uint8Array>(new Uint8Array());
  problem = $state.raw<Explanation | undefined>();
  /** From the request to the headers, and to the end, ms. */
  headersMs = $state<number | undefined>();
  totalMs = $state<number | undefined>();
  readonly atMs = Date.now();
  readonly #startMs = performance.now();
  readonly #abort = new AbortController();
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #showTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly request: PreparedRequest) {}

  get isOver(): boolean {
    return this.state !== 'waiting' && this.state !== 'receiving';
  }

  get contentType(): string {
    return this.headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value ?? '';
  }

  /** All of the body that has come. */
  get body(): Blob {
    return new Blob(
      this.#parts.map((part) => new Uint8Array(part)),
      { type: 'application/octet-stream' },
    );
  }

  /** Never rejects: what goes wrong is its state. */
  async run(client: ExecServerClient, followsRedirects: boolean): Promise<void> {
    const { method, url, headers, body } = this.request;
    const { signal } = this.#abort;
    try {
      const answer = await client.http.request(url, {
        method,
        headers: headers.map(({ name, value }): [string, string] => [name, value]),
        body,
        redirect: followsRedirects ? 'follow' : 'manual',
        signal,
      });
      this.status = answer.status;
      this.headers = answer.headers;
      this.headersMs = performance.now() - this.#startMs;
      this.state = 'receiving';
      await this.#receive(answer.body);
      this.#end('done');
    } catch (error) {
      if (signal.aborted && !this.problem) this.#end('cancelled');
      else {
        this.problem ??= explainRequest(error);
        this.#end('failed');
      }
    }
  }

  /** Of no effect once it is over. The executor ends the exchange by itself. */
  cancel(): void {
    this.#abort.abort();
  }

  async #receive(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#parts.push(value);
      this.#bytes += value.length;
      this.#showTimer ??= setTimeout(() => this.#show(), showMs);
      if (this.#bytes <= maxBodyBytes) continue;
      this.problem = {
        title: 'The answer is too large for the page',
        detail: `more than ${maxBodyBytes} bytes have come; what came is kept`,
        hint: 'In a terminal: curl --output FILE … keeps it on the executor.',
      };
      await reader.cancel();
      throw new LocalError('aborted', 'too large');
    }
  }

  #end(state: ExchangeState): void {
    this.totalMs = performance.now() - this.#startMs;
    this.#show();
    this.state = state;
  }

  #show(): void {
    clearTimeout(this.#showTimer);
    this.#showTimer = undefined;
    this.bodyBytes = this.#bytes;
    if (this.shown.length >= maxShownBytes) return;
    const first: Uint8Array[] = [];
    let bytes = 0;
    for (const part of this.#parts) {
      if (bytes >= maxShownBytes) break;
      first.push(part.subarray(0, maxShownBytes - bytes));
      bytes += part.length;
    }
    this.shown = concatBytes(first);
  }
}

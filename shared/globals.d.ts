// What every platform of shared/ has (Node 20, browsers, workers) and the ES library does not declare.
// Only shared/tsconfig.json includes this file; elsewhere the platform's own types say the same.

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}
declare function queueMicrotask(callback: () => void): void;
declare function setTimeout(callback: () => void, ms?: number): number;
declare function clearTimeout(timer: number | undefined): void;
declare function btoa(binary: string): string;
declare const crypto: { getRandomValues<T extends Uint8Array>(bytes: T): T };
declare const performance: { now(): number };
declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(): void;
}
declare function fetch(
  url: string,
  init: { method: string; headers: Record<string, string>; signal: AbortSignal },
): Promise<{ readonly status: number; text(): Promise<string> }>;
/** The parts of web streams that are used. */
interface ReadableStreamDefaultController<R> {
  enqueue(chunk: R): void;
  close(): void;
  error(reason: unknown): void;
}
interface ReadableStreamDefaultReader<R> {
  read(): Promise<{ readonly done: false; readonly value: R } | { readonly done: true; readonly value?: undefined }>;
  cancel(reason?: unknown): Promise<void>;
}
declare class ReadableStream<R> {
  constructor(
    source: {
      pull?(controller: ReadableStreamDefaultController<R>): void | Promise<void>;
      cancel?(reason: unknown): void | Promise<void>;
    },
    strategy?: { highWaterMark?: number },
  );
  getReader(): ReadableStreamDefaultReader<R>;
}
declare class WritableStream<W> {
  constructor(
    sink: {
      start?(): void | Promise<void>;
      write?(chunk: W): void | Promise<void>;
      close?(): void | Promise<void>;
      abort?(reason: unknown): void | Promise<void>;
    },
    strategy?: { highWaterMark?: number },
  );
  abort(reason?: unknown): Promise<void>;
}
/** The parts of fetch that are used; what a body or headers may be is the platform's to say. */
type BodyInit = string | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | URLSearchParams;
type HeadersInit = Headers | Record<string, string> | [string, string][];
declare class URL {
  readonly href: string;
}
declare class URLSearchParams {
  toString(): string;
}
declare class Headers {
  constructor(init?: HeadersInit);
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
declare class Response {
  constructor(body?: BodyInit | null, init?: { status?: number; headers?: HeadersInit });
  readonly headers: Headers;
  arrayBuffer(): Promise<ArrayBuffer>;
}

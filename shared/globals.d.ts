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

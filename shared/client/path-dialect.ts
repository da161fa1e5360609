// Paths as the server at hand takes them: plain absolute paths (0.131) or file: URIs (0.169). Callers may write either.

import { LocalError, RpcCode, RpcError } from '../errors.ts';
import { formatPath, parsePath, type PathStyle } from '../protocol/path.ts';

/** A path in the server's form. @throws LocalError `invalid-argument` for one that is not absolute. */
export type ToWire = (path: string) => string;

export class PathDialect {
  #known: PathStyle | undefined;

  /** @param isNewer the server has said something that only those say who take URIs */
  constructor(private readonly isNewer: () => boolean) {}

  /** Makes a request with paths; a server that does not take their form is asked again in the other one. */
  async use<T>(request: (toWire: ToWire) => Promise<T>): Promise<T> {
    const style = this.#known ?? (this.isNewer() ? 'uri' : 'plain');
    try {
      return await request((path) => formatPath(plainPath(path), style));
    } catch (error) {
      if (this.#known || style === 'uri' || !isInvalidParams(error)) throw error;
      const answer = await request((path) => formatPath(plainPath(path), 'uri')).catch((second: unknown) => {
        // It was not the form.
        if (isInvalidParams(second)) throw error;
        this.#known = 'uri';
        throw second;
      });
      this.#known = 'uri';
      return answer;
    }
  }
}

/** The absolute path that `path`, plain or a file: URI, stands for. @throws LocalError `invalid-argument`. */
export function plainPath(path: string): string {
  try {
    const plain = parsePath(path, 'path').path;
    if (plain.startsWith('/')) return plain;
  } catch (cause) {
    throw new LocalError('invalid-argument', `not a path: ${path}`, { cause });
  }
  throw new LocalError('invalid-argument', `the path must be absolute, or a file:// URI: ${path}`);
}

function isInvalidParams(error: unknown): boolean {
  return error instanceof RpcError && error.code === RpcCode.invalidParams;
}

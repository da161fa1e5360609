// Paths on the wire: plain absolute paths (0.131) and file: URIs (0.169). We take both and answer in the form of the request.

import { RpcCode, RpcError } from '../errors.ts';

/** How a path was written, and so how paths in the answer are written. */
export type PathStyle = 'plain' | 'uri';

export interface WirePath {
  readonly path: string;
  readonly style: PathStyle;
}

const schemePattern = /^([A-Za-z][A-Za-z0-9+.-]*):/;

/**
 * A path of an `fs/*` method: absolute; `.` and `..` are resolved in the text, before links are followed
 * (docs/protocol.md, "Paths").
 * @throws RpcError -32602 for a relative or unreadable path or another scheme, -32600 for a URI with a host.
 */
export function parseAbsolutePath(text: string, member = 'path'): WirePath {
  const wirePath = parsePath(text, member);
  if (!wirePath.path.startsWith('/')) {
    throw new RpcError(RpcCode.invalidParams, `params.${member}: must be an absolute path or a file:// URI`);
  }
  return { path: normalizePath(wirePath.path), style: wirePath.style };
}

/** As `parseAbsolutePath`, but a plain path may be relative and stays as it is: the form of `process/start.cwd`. */
export function parsePath(text: string, member: string): WirePath {
  const scheme = schemePattern.exec(text)?.[1]?.toLowerCase();
  const path = scheme === 'file' ? decodeFileUri(text, member) : text;
  if (scheme !== undefined && scheme !== 'file' && text.startsWith('//', scheme.length + 1)) {
    throw new RpcError(RpcCode.invalidParams, `params.${member}: unsupported path URI scheme \`${scheme}\``);
  }
  if (path.includes('\0')) {
    throw new RpcError(RpcCode.invalidParams, `params.${member}: must not hold a NUL byte`);
  }
  return { path, style: scheme === 'file' ? 'uri' : 'plain' };
}

export function formatPath(path: string, style: PathStyle): string {
  if (style === 'plain') return path;
  // encodeURIComponent leaves the characters alone that a path segment may hold, and more is encoded than need be.
  return `file://${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** Resolves `.`, `..` and repeated slashes in the text of an absolute path. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function decodeFileUri(uri: string, member: string): string {
  const rest = uri.slice('file:'.length).replace(/[?#].*$/s, '');
  const withHost = /^\/\/([^/]*)(\/.*)?$/s.exec(rest);
  const host = withHost?.[1] ?? '';
  if (host !== '' && host.toLowerCase() !== 'localhost') {
    throw new RpcError(
      RpcCode.invalidRequest,
      `params.${member}: a file URI with the host \`${host}\` is not on this machine`,
    );
  }
  try {
    return decodeURIComponent(withHost ? (withHost[2] ?? '/') : rest);
  } catch {
    throw new RpcError(RpcCode.invalidParams, `params.${member}: the file URI holds a bad percent escape`);
  }
}

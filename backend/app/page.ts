// The built page: files below dist/web, read once, with the headers that keep it safe.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';

/** Beside the bundled program, or in the repository's dist when run from source. */
const root = [new URL('./web/', import.meta.url), new URL('../../dist/web/', import.meta.url)]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(join(path, 'index.html')));

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** No inline script, nothing from elsewhere, not in a frame; sockets may go anywhere, since the page is a client for any server. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** @returns undefined when there is no such file. */
export async function pageFile(context: Context, path: string): Promise<Response | undefined> {
  if (!root) {
    return context.text('The page has not been built: run `npm run build`.\n', 503);
  }
  const relative = normalize(path === '/' ? '/index.html' : path);
  const type = types[extname(relative)];
  if (type === undefined || relative.includes('\0')) return undefined;
  try {
    const body = await readFile(join(root, relative));
    const cacheControl = relative.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    return context.body(new Uint8Array(body), 200, {
      ...pageHeaders,
      'content-type': type,
      'cache-control': cacheControl,
    });
  } catch {
    return undefined;
  }
}

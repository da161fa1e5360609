// Where a connection leads: all that it takes to dial, what it is called, and what of it may be kept for longer than the tab.

import * as z from 'zod';
import { isRelayUrl } from '../../../shared/client/relay-url.ts';
import { urlWithoutSecrets } from '../../../shared/connection/dialing.ts';
import { quoteArgv } from './argv.ts';
import { ownServerUrl } from './server-address.ts';

const headerSchema = z.object({ name: z.string(), value: z.string() });

export const targetSchema = z.discriminatedUnion('kind', [
  /** An exec server that the page reaches by itself. `token` goes into the query: a browser sets no headers. */
  z.object({ kind: z.literal('direct'), url: z.string(), token: z.string() }),
  /** An executor behind a relay. `url` is a signed one; empty: this page's server is asked for one at each dial. */
  z.object({ kind: z.literal('relay'), executorId: z.string(), url: z.string() }),
  /** An exec server that this page's server dials for the page, with headers. */
  z.object({ kind: z.literal('bridge'), url: z.string(), headers: z.array(headerSchema).max(100) }),
  /** A program that this page's server starts for the page, and that speaks the protocol by its stdin and stdout. */
  z.object({ kind: z.literal('stdio'), argv: z.array(z.string()).min(1), cwd: z.string() }),
]);

export type Target = z.infer<typeof targetSchema>;
export type TargetKind = Target['kind'];

export const kindNames: Readonly<Record<TargetKind, string>> = {
  direct: 'direct',
  relay: 'relay',
  bridge: 'bridge',
  stdio: 'stdio bridge',
};

export function isTargetKind(text: string | undefined): text is TargetKind {
  return text !== undefined && Object.hasOwn(kindNames, text);
}

export function ownTarget(): Target {
  return { kind: 'direct', url: ownServerUrl(), token: '' };
}

/** A target by a URL as somebody may paste it: with its token, or a relay's signed one. */
export function targetOfUrl(url: string): Target {
  const trimmed = url.trim();
  if (isRelayUrl(trimmed)) return { kind: 'relay', executorId: executorIdOf(trimmed), url: trimmed };
  if (!URL.canParse(trimmed)) return { kind: 'direct', url: trimmed, token: '' };
  const parsed = new URL(trimmed);
  const token = parsed.searchParams.get('token');
  if (token === null) return { kind: 'direct', url: trimmed, token: '' };
  parsed.searchParams.delete('token');
  return { kind: 'direct', url: parsed.href, token };
}

/** The last part of the path of a rendezvous URL, as registries make them. */
function executorIdOf(url: string): string {
  const segment = /\/([^/?#]+)\?/.exec(url)?.[1] ?? '';
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Short, for tabs and lists. */
export function targetTitle(target: Target): string {
  switch (target.kind) {
    case 'direct':
      return target.url === ownServerUrl() ? 'This server' : hostOf(target.url);
    case 'relay':
      return target.executorId || hostOf(target.url);
    case 'bridge':
      return hostOf(target.url);
    case 'stdio':
      return target.argv[0]?.replace(/^.*\//, '') || 'program';
  }
}

/** In full, without secrets. */
export function targetAddress(target: Target): string {
  switch (target.kind) {
    case 'direct':
    case 'bridge':
      return urlWithoutSecrets(target.url);
    case 'stdio':
      return quoteArgv(target.argv);
    case 'relay':
      return target.url === '' ? `relay of this server: ${target.executorId}` : urlWithoutSecrets(target.url);
  }
}

/** What may stay in this browser: no token, no signature, no value of a header. */
export function targetWithoutSecrets(target: Target): Target {
  switch (target.kind) {
    case 'direct':
      return { ...target, url: urlWithoutSecrets(target.url), token: '' };
    case 'relay':
      return { ...target, url: '' };
    case 'bridge':
      return {
        ...target,
        url: urlWithoutSecrets(target.url),
        headers: target.headers.map(({ name }) => ({ name, value: '' })),
      };
    case 'stdio':
      return target;
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url;
}

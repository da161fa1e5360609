// What the command line points the conformance suite at: a WebSocket URL, an executor behind a relay, or a program on stdio.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { dialRelayLink, dialUrl } from '../../../shared/client/sockets.ts';
import { askWayIn } from '../../../shared/client/registry-api.ts';
import { isRelayUrl } from '../../../shared/client/relay-url.ts';
import { urlWithoutSecrets } from '../../../shared/connection/dialing.ts';
import { errorText } from '../../../shared/errors.ts';
import type {
  ListenerAnswer,
  ListenerRequest,
  RegistryAnswer,
  RelayTarget,
  Target,
} from '../../../shared/conformance/target.ts';
import { ChildConnection } from '../../client/child-connection.ts';
import { nodeSockets } from '../../client/sockets.ts';
import { withoutOwnSecrets } from '../target.ts';
import { ProgramBytes, webSocketBytes } from './bytes.ts';

export interface TargetSettings {
  /** ws:// or wss://; absent with `command`, or when only a relay is named. */
  readonly url?: string | undefined;
  /** A program that speaks on its stdin and stdout, with its arguments. */
  readonly command?: readonly string[] | undefined;
  readonly token?: string | undefined;
  /** Base URL of the registry. */
  readonly registry?: string | undefined;
  readonly executorId?: string | undefined;
  /** Of the HTTP fixture. */
  readonly httpFixture: string;
}

export interface OpenTarget {
  readonly target: Target;
  /** Ends the programs that were started. */
  close(): Promise<void>;
}

const answerTimeoutMs = 10_000;

export function openTarget(settings: TargetSettings): OpenTarget {
  const { url, command, token, httpFixture } = settings;
  const relay = relayOf(settings);
  const common = { httpFixture, httpUrl: `${httpFixture}/text`, ...(relay ? { relay } : {}) };
  if (command) return stdioTarget(command, common);
  if (url !== undefined) {
    const query = token === undefined ? '' : `${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
    const direct = isRelayUrl(url)
      ? {}
      : {
          websocket: { url: url + query, factory: nodeSockets.factory },
          bytes: webSocketBytes,
          listener: (request: ListenerRequest) => askListener(url, request),
        };
    const target: Target = {
      name: urlWithoutSecrets(url),
      sharesSessions: true,
      dial: (options) => dialUrl(nodeSockets, url, token === undefined ? options : { ...options, token }),
      ...direct,
      ...common,
    };
    return { target, close: async () => undefined };
  }
  const { registry = '', executorId = '' } = settings;
  const target: Target = {
    name: `${executorId} at ${urlWithoutSecrets(registry)}`,
    sharesSessions: true,
    dial: (options) => dialRelayLink(nodeSockets, () => askWayIn({ registry, token }, executorId, options), options),
    bytes: webSocketBytes,
    ...common,
  };
  return { target, close: async () => undefined };
}

function stdioTarget(
  [command = '', ...args]: readonly string[],
  common: Pick<Target, 'httpFixture' | 'httpUrl'>,
): OpenTarget {
  const children = new Set<ChildConnection>();
  const programs = new ProgramBytes([command, ...args]);
  const target: Target = {
    name: `\`${[command, ...args].join(' ')}\``,
    sharesSessions: false,
    isStdio: true,
    dial: async () => {
      const child = await ChildConnection.start({ command, args, env: withoutOwnSecrets() });
      children.add(child);
      return child;
    },
    bytes: (events) => programs.start(events),
    ...common,
  };
  return {
    target,
    close: async () => {
      await Promise.all([programs.close(), ...[...children].map((child) => child.end())]);
    },
  };
}

function relayOf({ registry, executorId, token }: TargetSettings): RelayTarget | undefined {
  if (registry === undefined || executorId === undefined) return undefined;
  const base = registry.replace(/\/+$/, '');
  return {
    executorId,
    factory: nodeSockets.factory,
    async registry(method, path, options = {}): Promise<RegistryAnswer> {
      const bearer = options.token === undefined ? token : (options.token ?? undefined);
      const response = await fetch(base + path, {
        method,
        headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      const text = await response.text();
      return { status: response.status, body: tryJson(text) };
    },
  };
}

/** One request to the port of a WebSocket URL, headers exactly as given. */
function askListener(url: string, { method, path, headers }: ListenerRequest): Promise<ListenerAnswer> {
  const target = new URL(path, url.replace(/^ws/i, 'http'));
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(target, { method, headers, agent: false, timeout: answerTimeoutMs });
    const answer = (status = 0, raw: Record<string, string | string[] | undefined>) => {
      const entries = Object.entries(raw).map(([name, value]) => [name, String(value)] as const);
      resolve({ status, headers: Object.fromEntries(entries) });
      outgoing.destroy();
    };
    outgoing.on('response', (response) => answer(response.statusCode, response.headers));
    outgoing.on('upgrade', (response) => answer(response.statusCode, response.headers));
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
    outgoing.on('error', (error) => reject(new Error(`${method} ${path}: ${errorText(error)}`)));
    outgoing.end();
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

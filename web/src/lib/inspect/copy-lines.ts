// A message as something to run: lines for a POSIX shell, and TypeScript for the client library. Secrets are masked, and the
// token comes from the environment, never from the page.

import { tryBase64Decode, tryUtf8Decode } from '../../../../shared/bytes.ts';
import { urlWithoutSecrets } from '../../../../shared/connection/dialing.ts';
import { httpRequest } from '../../../../shared/protocol/http.ts';
import { initialize, initialized } from '../../../../shared/protocol/initialize.ts';
import { methods } from '../../../../shared/protocol/methods.ts';
import { notificationText, parseEnvelope, requestText } from '../../../../shared/rpc/envelope.ts';
import { redactMessage } from '../../../../shared/recording/redact.ts';
import { quoteArgv } from '../argv.ts';
import { curlCommand } from '../http/request.ts';

/** Double quotes: the shell is to put the token in. */
const bearer = '"Authorization: Bearer $EXEC_WORKBENCH_TOKEN"';

/** What is to be sent for `text` to be taken: after a handshake, unless it begins one. */
function conversation(text: string, clientName: string): readonly string[] {
  const message = redactMessage(text);
  const envelope = parseEnvelope(message);
  if (envelope.kind === 'request' && envelope.method === initialize.method) return [message];
  return [
    requestText('handshake', initialize.method, { clientName }),
    notificationText(initialized.method, {}),
    message,
  ];
}

/** Opens a session, sends the message, and shows what comes for two seconds. */
export function wscatLine(text: string, url: string): string {
  const executes = conversation(text, 'wscat').map((message) => `-x ${quoteArgv([message])}`);
  return `npx wscat -c ${quoteArgv([urlWithoutSecrets(url)])} -H ${bearer} ${executes.join(' ')} -w 2`;
}

/**
 * As `wscatLine`. Its `--jsonrpc` would not do: that makes each line a request, and `initialized` is a notification.
 * @returns undefined for a text of several lines, which `websocat` would send as several messages
 */
export function websocatLine(text: string, url: string): string | undefined {
  const messages = conversation(text, 'websocat');
  if (messages.some((message) => /[\r\n]/.test(message))) return undefined;
  // `-H=`: without the sign it would take the URL for a header, too.
  return `{ printf '%s\\n' ${quoteArgv(messages)}; sleep 2; } | websocat -H=${bearer} ${quoteArgv([urlWithoutSecrets(url)])}`;
}

/** @returns undefined for what `call` cannot send: it sends one request, by JSON-RPC's rules. */
export function callLine(text: string, url: string): string | undefined {
  const envelope = parseEnvelope(redactMessage(text));
  if (envelope.kind !== 'request') return undefined;
  const params = envelope.params === undefined ? [] : [JSON.stringify(envelope.params)];
  return quoteArgv(['exec-workbench', 'call', '--url', urlWithoutSecrets(url), envelope.method, ...params]);
}

/** A module for Node that sends the request by `exec-workbench/client`. @returns undefined for other than declared requests */
export function typescriptText(text: string, url: string): string | undefined {
  const envelope = parseEnvelope(redactMessage(text));
  if (envelope.kind !== 'request' || !methods.has(envelope.method)) return undefined;
  const isHandshake = envelope.method === initialize.method;
  // Declarations are named as their methods: process/start is processStart.
  const declaration = envelope.method.replace(/\/(.)/g, (_, letter: string) => letter.toUpperCase());
  const params = JSON.stringify(envelope.params ?? {}, null, 2);
  return [
    `import { connectWebSocket${isHandshake ? '' : `, ${declaration}`} } from 'exec-workbench/client';`,
    '',
    `const client = await connectWebSocket(${JSON.stringify(urlWithoutSecrets(url))}, {`,
    '  token: process.env.EXEC_WORKBENCH_TOKEN,',
    '});',
    isHandshake ? '// It has said initialize by now.' : `console.log(await client.call(${declaration}, ${params}));`,
    'client.close();',
    '',
  ].join('\n');
}

/** The request that an `http/request` asks the executor for. @returns undefined for others, and for a body of bytes */
export function curlOfRequest(text: string): string | undefined {
  const envelope = parseEnvelope(redactMessage(text));
  if (envelope.kind !== 'request' || envelope.method !== httpRequest.method) return undefined;
  const params = httpRequest.params.safeParse(envelope.params);
  if (!params.success) return undefined;
  const { method, url, headers, bodyBase64, redirectPolicy } = params.data;
  const bytes = bodyBase64 == null ? undefined : tryBase64Decode(bodyBase64);
  const body = bytes && tryUtf8Decode(bytes);
  if (bodyBase64 != null && body === undefined) return undefined;
  return curlCommand({ method, url, headers, body }, redirectPolicy !== 'stop');
}

/**
 * What can be asked over HTTP of the server behind a dialled address: whether it is ready, what it declares; of a relay,
 * the way in. None for addresses that are no URL.
 * @param detail of the event: `ws://host/exec`, `relay of this server: NAME`
 * @param ownUrl of this page's server
 */
export function curlLines(detail: string, ownUrl: string): readonly { readonly name: string; readonly text: string }[] {
  const executorId = /^relay of this server: (.+)$/s.exec(detail)?.[1];
  const address = executorId === undefined ? /wss?:\/\/[^\s,]+/.exec(detail)?.[0].replace(/:$/, '') : ownUrl;
  if (address === undefined || !URL.canParse(address)) return [];
  const { protocol, host } = new URL(address);
  const origin = `${protocol === 'wss:' ? 'https' : 'http'}://${host}`;
  const curl = (name: string, ...words: readonly string[]) => {
    return { name: `curl: ${name}`, text: `curl --include ${quoteArgv(words)} --header ${bearer}` };
  };
  if (executorId === undefined) {
    return [curl('is it ready?', `${origin}/readyz`), curl('its schema', `${origin}/schema/exec-server.json`)];
  }
  const way = `${origin}/cloud/executor/${encodeURIComponent(executorId)}/connect`;
  return [curl('the way in', '--request', 'POST', way), curl('who is online', `${origin}/cloud/executor`)];
}

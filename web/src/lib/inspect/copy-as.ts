// A message as something to paste: into a shell with `wscat`, into the command line of this project, into an editor. The
// token comes from the environment, never from the page.

import { base64Encode } from '../../../../shared/bytes.ts';
import { urlWithoutSecrets } from '../../../../shared/connection/dialing.ts';
import { initialize, initialized } from '../../../../shared/protocol/initialize.ts';
import { notificationText, parseEnvelope, requestText } from '../../../../shared/rpc/envelope.ts';
import { redactMessage } from '../../../../shared/recording/redact.ts';
import { quoteArgv } from '../argv.ts';
import { hexText } from './hex.ts';
import type { Row } from './row.ts';

export interface Copy {
  readonly name: string;
  readonly text: string;
}

/** @param url Of a server that the message could be sent to. */
export function copiesOf(row: Row, url: string): readonly Copy[] {
  const { entry } = row;
  switch (entry.kind) {
    case 'event':
      return [{ name: 'Text', text: entry.detail }];
    case 'frame':
      return [
        { name: 'Hex', text: hexText(entry.bytes) },
        { name: 'Base64', text: base64Encode(entry.bytes) },
      ];
    case 'message':
      return [
        { name: 'JSON', text: prettyJson(entry.text) },
        { name: 'Message as sent', text: entry.text },
        ...(entry.dir === 'out' ? commandCopies(entry.text, url) : []),
      ];
  }
}

function commandCopies(text: string, url: string): readonly Copy[] {
  const call = callLine(text, url);
  const wscat = { name: 'wscat command', text: wscatLine([redactMessage(text)], url) };
  return call === undefined ? [wscat] : [wscat, { name: 'exec-workbench command', text: call }];
}

const bearer = '-H "Authorization: Bearer $EXEC_WORKBENCH_TOKEN"';

/** For a POSIX shell: opens a session, sends the messages, and shows what comes for two seconds. */
export function wscatLine(messages: readonly string[], url: string): string {
  const isHandshake = messages.some((text) => {
    const envelope = parseEnvelope(text);
    return envelope.kind === 'request' && envelope.method === initialize.method;
  });
  const handshake = [
    requestText('handshake', initialize.method, { clientName: 'wscat' }),
    notificationText(initialized.method, {}),
  ];
  const all = isHandshake ? messages : [...handshake, ...messages];
  const executes = all.map((text) => `-x ${quoteArgv([text])}`).join(' ');
  return `npx wscat -c ${quoteArgv([urlWithoutSecrets(url)])} ${bearer} ${executes} -w 2`;
}

/** @returns undefined for what `call` cannot send: it sends one request, by JSON-RPC's rules. */
export function callLine(text: string, url: string): string | undefined {
  const envelope = parseEnvelope(redactMessage(text));
  if (envelope.kind !== 'request') return undefined;
  const params = envelope.params === undefined ? [] : [JSON.stringify(envelope.params)];
  return quoteArgv(['exec-workbench', 'call', '--url', urlWithoutSecrets(url), envelope.method, ...params]);
}

/** The text itself when it is no JSON, or holds numbers that JSON.parse would change. */
export function prettyJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const pretty = JSON.stringify(value, null, 2);
    const digits = (json: string) => json.match(/-?\d{16,}/g)?.join() ?? '';
    return digits(text) === digits(pretty) ? pretty : text;
  } catch {
    return text;
  }
}

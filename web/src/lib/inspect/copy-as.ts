// What a row can be copied as. Secrets are masked, but in the bytes of a frame.

import { base64Encode } from '../../../../shared/bytes.ts';
import { redactDetail, redactMessage } from '../../../../shared/recording/redact.ts';
import { callLine, curlLines, curlOfRequest, typescriptText, websocatLine, wscatLine } from './copy-lines.ts';
import { hexText } from './hex.ts';
import type { Row } from './row.ts';

export interface Copy {
  readonly name: string;
  readonly text: string;
}

/** @param url Of a server that the message could be sent to. */
export function copiesOf({ entry }: Row, url: string): readonly Copy[] {
  switch (entry.kind) {
    case 'event': {
      const detail = redactDetail(entry.detail);
      return [{ name: 'Text', text: detail }, ...curlLines(detail, url)];
    }
    case 'frame':
      return [
        { name: 'Hex', text: hexText(entry.bytes) },
        { name: 'Base64', text: base64Encode(entry.bytes) },
      ];
    case 'message': {
      const message = redactMessage(entry.text);
      const name = message === entry.text ? 'Message as sent' : 'Message, secrets masked';
      const copies = [
        { name: 'JSON', text: prettyJson(message) },
        { name, text: message },
      ];
      return entry.dir === 'out' ? [...copies, ...commandCopies(entry.text, url)] : copies;
    }
  }
}

function commandCopies(text: string, url: string): readonly Copy[] {
  const commands: readonly (readonly [string, string | undefined])[] = [
    ['wscat command', wscatLine(text, url)],
    ['websocat command', websocatLine(text, url)],
    ['exec-workbench command', callLine(text, url)],
    ['TypeScript', typescriptText(text, url)],
    ['curl command', curlOfRequest(text)],
  ];
  return commands.flatMap(([name, line]) => (line === undefined ? [] : [{ name, text: line }]));
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

// What a row shows of a message, read as cheaply as its length allows: a flood of output is recorded while it is displayed.

import { idText, parseEnvelope, type Envelope } from '../../../../shared/rpc/envelope.ts';

export type MessageKind = Envelope['kind'];

export interface MessageHead {
  readonly kind: MessageKind;
  /** As it stands in the message: `7`, `"a"`. Empty: none. */
  readonly id: string;
  readonly method: string;
  readonly processId: string;
  readonly seq: number | undefined;
  /** The error of an `error`, the reason of a `malformed`. */
  readonly problem: string;
  /** The whole message, when it was short enough to be parsed whole; until it has been judged: the row would hold it twice. */
  envelope: Envelope | undefined;
}

/** Messages up to this length, in characters, are parsed whole: that costs a microsecond or two. */
const wholeLength = 2048;

/**
 * Long messages are read up to their bulk only, when they begin as every known peer begins them; what comes after is not
 * judged here (the detail pane does). Never throws.
 */
export function readHead(text: string): MessageHead {
  return (text.length > wholeLength ? tryReadLong(text) : undefined) ?? headOf(parseEnvelope(text), text.length);
}

function headOf(envelope: Envelope, length: number): MessageHead {
  const params = 'params' in envelope ? envelope.params : undefined;
  return {
    kind: envelope.kind,
    id: 'id' in envelope ? idText(envelope.id) : '',
    method: 'method' in envelope ? envelope.method : '',
    processId: textMember(params, 'processId'),
    seq: seqMember(params),
    problem:
      envelope.kind === 'malformed'
        ? envelope.reason
        : envelope.kind === 'error'
          ? `${envelope.error.code} ${envelope.error.message}`
          : '',
    envelope: length > wholeLength ? undefined : envelope,
  };
}

const beginning = /\{(?:"id":(-?\d{1,15}|"[^"\\]{0,200}"),)?(?:"method":"([^"\\]{1,200})","params":\{|"result":)/y;
const member = /"([^"\\]{1,60})":(?:(-?\d{1,15})|true|false|null|"([^"\\]{0,4096})")(?:,|(?=\}))/y;

function tryReadLong(text: string): MessageHead | undefined {
  beginning.lastIndex = 0;
  const match = beginning.exec(text);
  if (!match || !text.endsWith('}')) return undefined;
  const [, id = '', method = ''] = match;
  if (method === '' && id === '') return undefined;
  const kind = method === '' ? 'response' : id === '' ? 'notification' : 'request';
  let processId = '';
  let seq: number | undefined;
  member.lastIndex = beginning.lastIndex;
  // Stops at the first member that is long or no plain value: the bulk comes last.
  for (let found = member.exec(text); method !== '' && found; found = member.exec(text)) {
    const [, name, digits, value] = found;
    if (name === 'processId' && value !== undefined) processId = value;
    else if (name === 'seq' && digits !== undefined) seq = Number(digits);
  }
  return { kind, id, method, processId, seq, problem: '', envelope: undefined };
}

function textMember(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const found = (value as Record<string, unknown>)[name];
  return typeof found === 'string' ? found : '';
}

function seqMember(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { seq } = value as Record<string, unknown>;
  return typeof seq === 'number' && Number.isInteger(seq) ? seq : undefined;
}

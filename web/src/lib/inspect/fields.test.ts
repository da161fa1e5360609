import { toBinary, create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import { RelayMessageFrameSchema } from '../../../../shared/gen/codex/exec_server/relay/v1/relay_pb.ts';
import { encodeFrame } from '../../../../shared/relay/codec.ts';
import { pathTo, shownFields, type Field } from './field.ts';
import { frameField } from './frame-fields.ts';
import { hexLines, hexPageBytes, hexText } from './hex.ts';
import { jsonField } from './json-fields.ts';

function lines(field: Field, bytes: Uint8Array, depth = 0): string[] {
  const { name, value, note, start, end, children } = field;
  const own = `${'  '.repeat(depth)}${name} ${value}${note === undefined ? '' : ` <${note}>`} ${hexText(bytes.subarray(start, end)).slice(0, 24)}`;
  return [own, ...(children?.() ?? []).flatMap((child) => lines(child, bytes, depth + 1))];
}

/** What a tree of JSON fields stands for. A member's bytes begin with its name. */
function valueOf({ start, end, value, children }: Field, bytes: Uint8Array, isMember = false): unknown {
  if (value === '[…]') return children?.().map((child) => valueOf(child, bytes));
  if (value === '{…}') {
    return Object.fromEntries(children?.().map((child) => [child.name, valueOf(child, bytes, true)]) ?? []);
  }
  const text = utf8Decode(bytes.subarray(start, end));
  return JSON.parse(isMember ? text.replace(/^"(?:[^"\\]|\\.)*"\s*:/, '') : text);
}

describe('the fields of a frame', () => {
  const payload = utf8Encode('{"id":1}');
  const body = { kind: 'data', seq: 300, segmentIndex: 0, segmentCount: 1, payload } as const;
  const bytes = encodeFrame({ streamId: 'ab', ack: 7, ackBits: 5, body });

  it('are named, valued and placed as the .proto says, down to the JSON of the payload', () => {
    expect(lines(frameField(bytes), bytes)).toEqual(
      [
        'RelayMessageFrame 27 bytes 080112026162180720052a0f',
        '  version 1 <field 1, uint32> 0801',
        '  stream_id "ab" <field 2, string> 12026162',
        '  ack 7 <field 3, uint32> 1807',
        '  ack_bits 5 (0b101) <field 4, uint32> 2005',
        '  data 15 bytes <field 5, RelayData> 2a0f08ac0218012208',
        '    seq 300 <field 1, uint32> 08ac02',
        '    segment_count 1 <field 3, uint32> 1801',
        '    payload 8 bytes of JSON <field 4, bytes> 22087b226964223a317d',
        '      message {…} 7b226964223a317d',
        '        id 1 226964223a31',
      ].map((line) => expect.stringContaining(line.slice(0, 60)) as unknown as string),
    );
  });

  it('are found by a byte', () => {
    const root = frameField(bytes);
    const at = bytes.length - 2;
    expect(pathTo(root, at).map(({ name }) => name)).toEqual(['RelayMessageFrame', 'data', 'payload', 'message', 'id']);
    expect(pathTo(root, 0).map(({ name }) => name)).toEqual(['RelayMessageFrame', 'version']);
    expect(pathTo(root, bytes.length)).toEqual([]);
  });

  it('show what is no frame as far as it goes', () => {
    const unknown = new Uint8Array([8, 1, 0x7a, 1, 9, 0x1a, 1, 0]);
    expect(lines(frameField(unknown), unknown)).toEqual([
      expect.stringContaining('not valid: malformed'),
      '  version 1 <field 1, uint32> 0801',
      '  field 15 7a 01 09 <is not declared> 7a0109',
      '  ack 1a 01 00 <has wire type 2 where 0 belongs> 1a0100',
    ]);
    const cut = bytes.subarray(0, bytes.length - 3);
    expect(lines(frameField(cut), cut).at(-1)).toContain('no field: data has 15 bytes and only 12 are left');
  });

  it('cover every byte of any frame', () => {
    const frames = fc.record({
      ack: fc.nat(),
      ackBits: fc.nat(),
      streamId: fc.string(),
      payload: fc.uint8Array({ minLength: 1 }),
    });
    fc.assert(
      fc.property(frames, ({ ack, ackBits, streamId, payload }) => {
        const message = create(RelayMessageFrameSchema, {
          version: 1,
          ack,
          ackBits,
          streamId,
          body: { case: 'data', value: { seq: 1, segmentCount: 1, payload } },
        });
        const encoded = toBinary(RelayMessageFrameSchema, message);
        const fields = frameField(encoded).children?.() ?? [];
        expect(fields.every(({ isProblem }) => !isProblem)).toBe(true);
        expect(fields.reduce((at, { start, end }) => (start === at ? end : NaN), 0)).toBe(encoded.length);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the fields of a JSON text', () => {
  it('have places in its bytes, and base64 is decoded', () => {
    const text = ' {"ä":[1, true,"x\\"\\\\"], "params" : {"chunk":"aGkK","e":{}}} ';
    const bytes = utf8Encode(text);
    const root = jsonField(bytes, 0, bytes.length, 'm', 'message');
    const shown = shownFields(root, new Set(['m', 'm/0:ä', 'm/1:params']));
    expect(shown.map(({ field, depth }) => `${depth} ${field.name} ${field.value}`)).toEqual([
      '0 message {…}',
      '1 ä […]',
      '2 [0] 1',
      '2 [1] true',
      '2 [2] "x\\"\\\\"',
      '1 params {…}',
      '2 chunk "hi\\n"',
      '2 e {}',
    ]);
    const chunk = shown[6]?.field;
    expect(utf8Decode(chunk!.decoded!())).toBe('hi\n');
    expect(utf8Decode(bytes.subarray(chunk?.start, chunk?.end))).toBe('"chunk":"aGkK"');
  });

  it('stand for what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
        const bytes = utf8Encode(JSON.stringify(value, null, indent));
        expect(valueOf(jsonField(bytes, 0, bytes.length, 'm', 'm'), bytes)).toEqual(JSON.parse(utf8Decode(bytes)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['{"a":', 'no JSON'],
    ['', 'no JSON'],
  ])('say why %j has none', (text, why) => {
    const bytes = utf8Encode(text);
    expect(jsonField(bytes, 0, bytes.length, 'm', 'm').note).toContain(why);
  });
});

it('bytes come in lines and pages', () => {
  const bytes = new Uint8Array(hexPageBytes + 20);
  expect(hexLines(bytes, 16, 0)).toHaveLength(hexPageBytes / 16);
  expect(hexLines(bytes, 16, 1).map(({ offset, bytes: { length } }) => [offset, length])).toEqual([
    [hexPageBytes, 16],
    [hexPageBytes + 16, 4],
  ]);
});

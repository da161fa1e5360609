// A relay frame as a tree of fields with the bytes of each, read from the wire format and the .proto's description: also
// frames that nobody may send are taken apart as far as they go.

import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { utf8Decode } from '../../../../shared/bytes.ts';
import { RelayMessageFrameSchema } from '../../../../shared/gen/codex/exec_server/relay/v1/relay_pb.ts';
import { decodeFrame } from '../../../../shared/relay/codec.ts';
import { bytesPreview, once, textPreview, type Field } from './field.ts';
import { jsonField } from './json-fields.ts';

export function frameField(bytes: Uint8Array): Field {
  const frame = decodeFrame(bytes);
  const fault = typeof frame === 'string' ? `not valid: ${frame}` : undefined;
  return {
    key: 'frame',
    name: RelayMessageFrameSchema.name,
    value: `${bytes.length} bytes`,
    start: 0,
    end: bytes.length,
    ...(fault === undefined ? {} : { note: fault, isProblem: true }),
    children: once(() => messageFields(bytes, 0, bytes.length, RelayMessageFrameSchema, 'frame')),
  };
}

function messageFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: DescMessage,
  key: string,
): readonly Field[] {
  const reader = new BinaryReader(bytes.subarray(0, end));
  reader.pos = start;
  const fields: Field[] = [];
  while (reader.pos < end) {
    const from = reader.pos;
    const fieldKey = `${key}/${fields.length}`;
    try {
      const [number, wireType] = reader.tag();
      const field = readField(reader, { number, wireType, from, end, key: fieldKey, type, bytes });
      // The reader itself reads beyond the end of a part.
      if (field.end > end) throw new RangeError('it is longer than what holds it');
      fields.push(field);
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unreadable';
      const rest = bytes.subarray(from, end);
      fields.push({
        key: fieldKey,
        name: 'unreadable',
        value: bytesPreview(rest),
        start: from,
        end,
        note: `no field: ${why}`,
        isProblem: true,
      });
      break;
    }
  }
  return fields;
}

interface Place {
  readonly number: number;
  readonly wireType: WireType;
  readonly from: number;
  readonly end: number;
  readonly key: string;
  readonly type: DescMessage;
  readonly bytes: Uint8Array;
}

function readField(reader: BinaryReader, place: Place): Field {
  const { number, wireType, from, key, type, bytes } = place;
  const declared = type.fields.find((field) => field.number === number);
  const common = { key, start: from };
  if (!declared || wireType !== wireTypeOf(declared)) {
    reader.skip(wireType, number);
    const why = declared ? `has wire type ${wireType} where ${wireTypeOf(declared)} belongs` : 'is not declared';
    const value = bytesPreview(bytes.subarray(from, reader.pos));
    return { ...common, name: declared?.name ?? `field ${number}`, value, end: reader.pos, note: why, isProblem: true };
  }
  const note = `field ${number}`;
  const { name } = declared;
  if (wireType === WireType.Varint) {
    const value = reader.uint32();
    return { ...common, name, value: numberText(name, value), end: reader.pos, note: `${note}, uint32` };
  }
  const length = reader.uint32();
  const start = reader.pos;
  const end = start + length;
  if (end > place.end) throw new RangeError(`${name} has ${length} bytes and only ${place.end - start} are left`);
  reader.pos = end;
  const content = bytes.subarray(start, end);
  if (declared.fieldKind === 'message') {
    const children = once(() => messageFields(bytes, start, end, declared.message, key));
    const value = length === 0 ? '(empty)' : `${length} bytes`;
    return {
      ...common,
      name,
      value,
      end,
      note: `${note}, ${declared.message.name}`,
      ...(length === 0 ? {} : { children }),
    };
  }
  if (declared.scalar === ScalarType.STRING) {
    return { ...common, name, value: textPreview(utf8Decode(content)), end, note: `${note}, string` };
  }
  const isJson = content[0] === 0x7b && content.at(-1) === 0x7d;
  const children = () => [jsonField(bytes, start, end, `${key}/json`, 'message')];
  return {
    ...common,
    name,
    value: isJson ? `${length} bytes of JSON` : bytesPreview(content),
    end,
    note: `${note}, bytes`,
    ...(isJson ? { children: once(children) } : {}),
  };
}

function wireTypeOf(field: DescField): WireType {
  const isVarint = field.fieldKind === 'scalar' && field.scalar === ScalarType.UINT32;
  return isVarint ? WireType.Varint : WireType.LengthDelimited;
}

function numberText(name: string, value: number): string {
  return name === 'ack_bits' && value !== 0 ? `${value} (0b${value.toString(2)})` : String(value);
}

// A relay frame field by field, as it is typed, and its bytes: also frames that nobody may send.

import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import * as z from 'zod';
import { RelayMessageFrameSchema } from '../../../../shared/gen/codex/exec_server/relay/v1/relay_pb.ts';
import { decodeFrame } from '../../../../shared/relay/codec.ts';
import { byteForms, tryFormatBytes, tryParseBytes, type ByteForm } from './bytes-text.ts';

export const frameBodies = ['data', 'ackFrame', 'resume', 'reset', 'heartbeat', 'handshake', 'none'] as const;
export type FrameBody = (typeof frameBodies)[number];

export const frameFormSchema = z.object({
  version: z.number(),
  streamId: z.string(),
  ack: z.number(),
  ackBits: z.number(),
  body: z.enum(frameBodies),
  seq: z.number(),
  segmentIndex: z.number(),
  segmentCount: z.number(),
  /** Of data and handshake. */
  payload: z.string(),
  payloadForm: z.enum(byteForms),
  /** Of resume. */
  nextSeq: z.number(),
  /** Of reset. */
  reason: z.string(),
});
export type FrameForm = Readonly<z.infer<typeof frameFormSchema>>;

export const frameExample: Omit<FrameForm, 'streamId'> = {
  version: 1,
  ack: 0,
  ackBits: 0,
  body: 'data',
  seq: 0,
  segmentIndex: 0,
  segmentCount: 1,
  payload: '{"id":1,"method":"initialize","params":{"clientName":"composer"}}',
  payloadForm: 'text',
  nextSeq: 0,
  reason: 'done',
};

export type FrameBytes =
  | { readonly bytes: Uint8Array<ArrayBuffer>; /** Why a peer will drop it. */ readonly fault?: string }
  | { readonly problem: string };

/** The bytes of the form; `problem` when a field is no such field at all. */
export function frameBytes(form: FrameForm): FrameBytes {
  for (const name of ['version', 'ack', 'ackBits', 'seq', 'segmentIndex', 'segmentCount', 'nextSeq'] as const) {
    const value = form[name];
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      return { problem: `${wireName(name)} must be a whole number from 0 to 4294967295; raw bytes can hold any other` };
    }
  }
  const payload = tryParseBytes(form.payload, form.payloadForm);
  if (!payload) return { problem: `the payload is no ${form.payloadForm}` };
  const { version, streamId, ack, ackBits } = form;
  const message = create(RelayMessageFrameSchema, { version, streamId, ack, ackBits, body: bodyOf(form, payload) });
  return judged(toBinary(RelayMessageFrameSchema, message));
}

/** The data frame behind this one: with the next seq, and the next segment of a message that is not whole. */
export function nextFrame(form: FrameForm): FrameForm {
  const isLast = form.segmentIndex + 1 >= form.segmentCount;
  return { ...form, seq: (form.seq + 1) >>> 0, segmentIndex: isLast ? 0 : form.segmentIndex + 1 };
}

/** Bytes as they are typed, whatever they are. */
export function rawFrameBytes(text: string, form: ByteForm): FrameBytes {
  const bytes = tryParseBytes(text, form);
  return bytes ? judged(new Uint8Array(bytes)) : { problem: `this is no ${form}` };
}

function judged(bytes: Uint8Array<ArrayBuffer>): FrameBytes {
  const frame = decodeFrame(bytes);
  return typeof frame === 'string' ? { bytes, fault: frame } : { bytes };
}

type BodyInit = NonNullable<MessageInitShape<typeof RelayMessageFrameSchema>['body']>;

function bodyOf(form: FrameForm, payload: Uint8Array): BodyInit {
  switch (form.body) {
    case 'data': {
      const { seq, segmentIndex, segmentCount } = form;
      return { case: 'data', value: { seq, segmentIndex, segmentCount, payload } };
    }
    case 'ackFrame':
      return { case: 'ackFrame', value: {} };
    case 'resume':
      return { case: 'resume', value: { nextSeq: form.nextSeq } };
    case 'reset':
      return { case: 'reset', value: { reason: form.reason } };
    case 'heartbeat':
      return { case: 'heartbeat', value: {} };
    case 'handshake':
      return { case: 'handshake', value: { payload } };
    case 'none':
      return { case: undefined };
  }
}

/** The form of a frame that was recorded. @returns undefined for bytes that are no frame. */
export function formOfFrame(bytes: Uint8Array): FrameForm | undefined {
  try {
    const { version, streamId, ack, ackBits, body } = fromBinary(RelayMessageFrameSchema, bytes);
    const payload = body.case === 'data' || body.case === 'handshake' ? body.value.payload : new Uint8Array();
    const text = tryFormatBytes(payload, 'text');
    const payloadForm = text === undefined ? 'base64' : 'text';
    const common = { ...frameExample, version, streamId, ack, ackBits, payloadForm } as const;
    const form: FrameForm = {
      ...common,
      body: body.case ?? 'none',
      payload: text ?? tryFormatBytes(payload, 'base64') ?? '',
    };
    if (body.case === 'data') {
      const { seq, segmentIndex, segmentCount } = body.value;
      return { ...form, seq, segmentIndex, segmentCount };
    }
    if (body.case === 'resume') return { ...form, nextSeq: body.value.nextSeq };
    return body.case === 'reset' ? { ...form, reason: body.value.reason } : form;
  } catch {
    return undefined;
  }
}

function wireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

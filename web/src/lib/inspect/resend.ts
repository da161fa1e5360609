// A message that was sent before, made ready to be sent again on a connection that goes on.

import { idText, parseEnvelope } from '../../../../shared/rpc/envelope.ts';

/** With `id` in the place of its own if it is a request, so that its answer is not taken for another one's. */
export function withFreshId(text: string, id: string): string {
  const envelope = parseEnvelope(text);
  if (envelope.kind !== 'request') return text;
  // The first member of that name at the top is the id: parseEnvelope has seen to it that there is one.
  const own = `"id":${idText(envelope.id)}`;
  const at = text.indexOf(own);
  if (at !== -1 && text.indexOf(own, at + 1) === -1) {
    return text.slice(0, at) + `"id":${JSON.stringify(id)}` + text.slice(at + own.length);
  }
  const message = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify({ ...message, id });
}

let count = 0;

/** Unlike any id that the client uses: those are numbers. */
export function freshId(prefix: string): string {
  count++;
  return `${prefix}-${count}`;
}

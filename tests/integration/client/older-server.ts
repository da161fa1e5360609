// Makes a server of ours as old as 0.131 seem: it knows no later method, tells nothing of itself and takes no URIs.

import type { Connection } from '../../../shared/connection/connection.ts';
import { RpcCode } from '../../../shared/errors.ts';
import { methods } from '../../../shared/protocol/methods.ts';
import { errorText, parseEnvelope } from '../../../shared/rpc/envelope.ts';

/** For the option `wrap`. */
export function olderServer(inner: Connection): Connection {
  let answer: (text: string) => void = () => undefined;
  return {
    label: inner.label,
    get isClosed() {
      return inner.isClosed;
    },
    get isWritable() {
      return inner.isWritable;
    },
    get bufferedBytes() {
      return inner.bufferedBytes;
    },
    open(handler) {
      answer = (text) => queueMicrotask(() => handler.onMessage(text));
      inner.open({
        ...handler,
        onMessage: (text) =>
          handler.onMessage(text.includes('"environmentInfo"') ? '{"id":1,"result":{"sessionId":"s"}}' : text),
        onWritable: () => handler.onWritable(),
        onClose: (close) => handler.onClose(close),
      });
    },
    send(message) {
      const envelope = parseEnvelope(String(message));
      if (envelope.kind !== 'request') return inner.send(message);
      const refuse = (code: number, text: string) => {
        answer(errorText(envelope.id, { code, message: text }));
        return true;
      };
      if (methods.get(envelope.method)?.since !== '0.131') return refuse(RpcCode.methodNotFound, 'not implemented');
      if (String(message).includes('"file:')) return refuse(RpcCode.invalidParams, 'AbsolutePathBuf …');
      return inner.send(message);
    },
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close: (code, reason) => inner.close(code, reason),
  };
}

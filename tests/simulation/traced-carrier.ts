// Tells of each frame that passes a carrier, for replays.

import { decodeFrame } from '../../shared/relay/codec.ts';
import { frameText } from '../../shared/relay/frame.ts';
import type { SimCarrier } from './link.ts';

/** Makes `carrier` tell `trace` of its frames. @returns the same carrier */
export function tracedCarrier(carrier: SimCarrier, label: string, trace: (line: string) => void): SimCarrier {
  const text = (bytes: Uint8Array) => {
    const frame = decodeFrame(bytes);
    return typeof frame === 'string' ? frame : frameText(frame);
  };
  const send = carrier.send.bind(carrier);
  carrier.send = (bytes) => {
    trace(`${label} → ${text(bytes)}`);
    return send(bytes);
  };
  const open = carrier.open.bind(carrier);
  carrier.open = (handler) => {
    open({
      onFrame: (bytes) => {
        trace(`${label} ← ${text(bytes)}`);
        handler.onFrame(bytes);
      },
      onWritable: () => handler.onWritable(),
      onClose: (close) => handler.onClose(close),
    });
  };
  return carrier;
}

// Reads the WebSocket messages out of one direction of a TCP connection that somebody else owns. It only listens:
// the bytes go on unchanged, so neither peer can tell that it is watched (no close frame, ping or fragment is altered).

/** What a reader was made for: a client's bytes begin with a request, a server's with an answer; both end in CR LF CR LF. */
const HEAD_END = Buffer.from('\r\n\r\n');
const OPCODE_CONTINUATION = 0;
const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
/** A direction that sends more than this without finishing a message is no exec-server connection: reading it stops. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly payload: Buffer;
  readonly frameBytes: number;
}

/** One direction of one connection. Feed it each chunk as it passes; it calls back once per whole message, in order. */
export class WebSocketReader {
  #head: string | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = 0;
  #fragments: Buffer[] = [];
  readonly #onMessage: (text: string) => void;

  constructor(onMessage: (text: string) => void) {
    this.#onMessage = onMessage;
  }

  /** The HTTP request or answer that opened the connection, without its empty line; undefined until it is complete. */
  get head(): string | undefined {
    return this.#head;
  }

  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    // Joining only when a frame can be complete keeps a message of many chunks from being copied again and again.
    if (this.#pendingBytes < this.#neededBytes || this.#pendingBytes > MAX_PENDING_BYTES) return;
    let rest: Buffer = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending);
    if (this.#head === undefined) {
      const end = rest.indexOf(HEAD_END);
      if (end >= 0) {
        this.#head = rest.subarray(0, end).toString('latin1');
        rest = rest.subarray(end + HEAD_END.length);
      }
    }
    this.#neededBytes = 0;
    while (this.#head !== undefined) {
      const frame = readFrame(rest);
      if (typeof frame === 'number') {
        this.#neededBytes = frame;
        break;
      }
      rest = rest.subarray(frame.frameBytes);
      this.#take(frame);
    }
    this.#pending = rest.length > 0 ? [rest] : [];
    this.#pendingBytes = rest.length;
  }

  #take(frame: Frame): void {
    if (frame.opcode !== OPCODE_TEXT && frame.opcode !== OPCODE_BINARY && frame.opcode !== OPCODE_CONTINUATION) return;
    this.#fragments.push(frame.payload);
    if (!frame.isFinal) return;
    const message = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#onMessage(message.toString('utf8'));
  }
}

/** The first frame in `bytes` (RFC 6455 section 5.2), or how many bytes must be there before it is worth trying again. */
function readFrame(bytes: Buffer): Frame | number {
  if (bytes.length < 2) return 2;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const isMasked = (second & 0x80) !== 0;
  const shortLength = second & 0x7f;
  const lengthBytes = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0;
  const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < headerBytes) return headerBytes;
  const payloadBytes =
    lengthBytes === 2 ? bytes.readUInt16BE(2) : lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : shortLength;
  const frameBytes = headerBytes + payloadBytes;
  if (bytes.length < frameBytes) return frameBytes;
  const body = bytes.subarray(headerBytes, frameBytes);
  return {
    opcode: first & 0x0f,
    isFinal: (first & 0x80) !== 0,
    payload: isMasked ? unmasked(body, bytes.subarray(headerBytes - 4, headerBytes)) : body,
    frameBytes,
  };
}

function unmasked(body: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(body.length);
  for (let i = 0; i < body.length; i++) plain.writeUInt8(body.readUInt8(i) ^ mask.readUInt8(i & 3), i);
  return plain;
}

// A leg over any Connection, e.g. a program's stdin and stdout. Such carriers know text only, and one line per message.

import { CloseCode, type Connection } from '../../shared/connection/connection.ts';
import { ChildConnection } from '../client/child-connection.ts';
import type { Leg, LegClose, LegHandler, LegMessage } from './leg.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

export class ConnectionLeg implements Leg {
  #handler: LegHandler | undefined;

  constructor(private readonly connection: Connection) {}

  get label(): string {
    return this.connection.label;
  }

  open(handler: LegHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    this.connection.open({
      onMessage: (text) => this.#handler?.onMessage({ data: Buffer.from(text), isBinary: false }),
      onWritable: () => this.#handler?.onWritable(),
      onInputEnd: async () => this.#handler?.onInputEnd?.(),
      onClose: (close) => this.#handler?.onClose(close),
    });
  }

  send({ data }: LegMessage): boolean {
    return this.connection.isClosed || this.connection.send(onOneLine(data));
  }

  async finish(): Promise<void> {
    if (this.connection instanceof ChildConnection) await this.connection.finish();
  }

  pause(): void {
    this.connection.pause();
  }

  resume(): void {
    this.connection.resume();
  }

  close({ code, reason }: LegClose): void {
    this.connection.close(code ?? CloseCode.normal, reason);
  }
}

/** In JSON a line end is white space, so a message may hold some; a line may not. */
function onOneLine(data: Uint8Array): Uint8Array {
  if (!data.includes(lineFeed) && !data.includes(carriageReturn)) return data;
  return data.map((byte) => (byte === lineFeed || byte === carriageReturn ? space : byte));
}

// The bytes below a connection, for rules that no library lets one break: of the TCP connection after the upgrade of a
// WebSocket, or of a program's stdin and stdout.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorText } from '../../../shared/errors.ts';
import type { ByteEvents, ByteLink } from '../../../shared/conformance/target.ts';
import { signalGroup } from '../../process/group.ts';
import { withoutOwnSecrets } from '../target.ts';

const upgradeTimeoutMs = 10_000;
/** From SIGTERM to SIGKILL, ms. */
const graceMs = 2000;

/** @throws Error when there is no upgrade. */
export function webSocketBytes({ onBytes, onEnd }: ByteEvents, url = ''): Promise<ByteLink> {
  const target = new URL(url.replace(/^ws/i, 'http'));
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const upgrade = request(target, {
      agent: false,
      timeout: upgradeTimeoutMs,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    upgrade.on('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => onEnd({}));
      // The end of their half is the end of the connection.
      socket.on('end', () => socket.end());
      socket.on('data', onBytes);
      resolve({
        send: (bytes) => {
          if (socket.writable) socket.write(bytes);
        },
        get waitingBytes() {
          return socket.writableLength;
        },
        finish: () => socket.end(),
        close: () => socket.destroy(),
      });
      if (head.length > 0) onBytes(head);
    });
    upgrade.on('response', (response) => {
      upgrade.destroy();
      reject(new Error(`the upgrade was answered with ${String(response.statusCode)}`));
    });
    upgrade.on('timeout', () => upgrade.destroy(new Error(`no answer within ${upgradeTimeoutMs} ms`)));
    upgrade.on('error', (error) => reject(new Error(`the upgrade failed: ${errorText(error)}`)));
    upgrade.end();
  });
}

/** Starts a program for each case that wants its bytes. */
export class ProgramBytes {
  readonly #running = new Set<ChildProcess>();

  constructor(private readonly command: readonly string[]) {}

  /** @throws Error when it cannot be started. */
  async start({ onBytes, onEnd }: ByteEvents): Promise<ByteLink> {
    const [program = '', ...args] = this.command;
    const env = { ...process.env, ...withoutOwnSecrets() };
    // A group of its own, so that a program which starts others ends whole.
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    await once(child, 'spawn');
    this.#running.add(child);
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', onBytes);
    // After the last of its output.
    child.once('close', (code) => {
      this.#running.delete(child);
      onEnd(code === null ? {} : { exitCode: code });
    });
    return {
      send: (bytes) => {
        if (child.stdin.writable) child.stdin.write(bytes);
      },
      get waitingBytes() {
        return child.stdin.writableLength;
      },
      finish: () => child.stdin.end(),
      close: () => this.#end(child),
    };
  }

  /** Resolves when all are gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((child) => (this.#end(child), once(child, 'close'))));
  }

  #end(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined || !this.#running.has(child)) return;
    signalGroup(pid, 'SIGTERM');
    setTimeout(() => {
      if (this.#running.has(child)) signalGroup(pid, 'SIGKILL');
    }, graceMs).unref();
  }
}

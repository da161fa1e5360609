// `/api/bridge` of `serve`: connects on a page's behalf to what the page cannot reach (docs/security.md). Whoever gets here has
// the full token, and could run any command anyway.

import type { WebSocket } from 'ws';
import {
  BridgeCloseCode,
  bridgeTarget,
  bridgeTargetTimeoutMs,
  maxBridgeTargetBytes,
  type BridgeTarget,
} from '../../shared/connection/bridge.ts';
import { CloseCode } from '../../shared/connection/connection.ts';
import { errorText } from '../../shared/errors.ts';
import { watchGrant, type Grant } from '../auth/grant.ts';
import { Guardian } from '../process/guardian.ts';
import { ChildConnection, type ChildOptions } from '../client/child-connection.ts';
import { ConnectionLeg } from './connection-leg.ts';
import type { Leg, LegMessage } from './leg.ts';
import { Link } from './link.ts';
import { dialLeg, WebSocketLeg } from './websocket-leg.ts';

const maxBridges = 64;

export interface BridgeSettings {
  readonly pingIntervalMs: number;
}

export class Bridge {
  readonly #open = new Set<OneBridge>();
  readonly #guardian = new Guardian(false);

  /** @param onTarget told of each connection and program that is asked for, before it is made. */
  constructor(
    private readonly settings: BridgeSettings,
    private readonly onTarget: (label: string, grant: Grant, target: BridgeTarget) => void = () => undefined,
  ) {}

  /** Takes a socket whose upgrade was let in. It ends with `grant`, as every connection that a token has opened. */
  accept(socket: WebSocket, label: string, grant: Grant): void {
    const page = new WebSocketLeg(socket, label, this.settings);
    if (this.#open.size >= maxBridges) {
      page.open({ onMessage: () => undefined, onWritable: () => undefined, onClose: () => undefined });
      page.close({ code: BridgeCloseCode.tooManyBridges, reason: `there are ${maxBridges} bridges already` });
      return;
    }
    let stopWatching: () => void = () => undefined;
    const events = {
      startChild: (options: ChildOptions) => this.#startChild(options),
      childEnded: ({ pid }: ChildConnection) => this.#guardian.remove(pid),
      onTarget: (target: BridgeTarget) => this.onTarget(label, grant, target),
      onEnd: () => {
        this.#open.delete(bridge);
        stopWatching();
      },
    };
    const bridge = new OneBridge(page, this.settings, events);
    this.#open.add(bridge);
    stopWatching = watchGrant(grant, (reason) => void bridge.end(CloseCode.policyViolation, reason));
  }

  /** Ends all. Resolves when the programs that they started are gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((bridge) => bridge.end(CloseCode.goingAway, 'the server stops')));
    this.#guardian.stop();
  }

  /** The guardian ends it when the server is killed. */
  async #startChild(options: ChildOptions): Promise<ChildConnection> {
    this.#guardian.start();
    const child = await ChildConnection.start({ ...options, ownsGroup: true });
    this.#guardian.add(child.pid);
    return child;
  }
}

/** From the first message to the end. */
class OneBridge {
  readonly #early: LegMessage[] = [];
  readonly #giveUp = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #hasTarget = false;
  #child: ChildConnection | undefined;
  #link: Link | undefined;

  constructor(
    private readonly page: Leg,
    private readonly settings: BridgeSettings,
    private readonly events: {
      onTarget(target: BridgeTarget): void;
      startChild(options: ChildOptions): Promise<ChildConnection>;
      childEnded(child: ChildConnection): void;
      onEnd(): void;
    },
  ) {
    const late = `no target was named within ${bridgeTargetTimeoutMs} ms`;
    this.#timer = setTimeout(() => this.#refuse(BridgeCloseCode.badTarget, late), bridgeTargetTimeoutMs).unref();
    page.open({
      onMessage: (message) => this.#receive(message),
      onWritable: () => undefined,
      onClose: () => this.#ended(),
    });
  }

  async end(code: number, reason: string): Promise<void> {
    if (this.#link) this.#link.close({ code, reason });
    else this.#refuse(code, reason);
    await this.#child?.end();
  }

  #receive(message: LegMessage): void {
    if (this.#hasTarget) {
      this.#early.push(message);
      return;
    }
    this.#hasTarget = true;
    clearTimeout(this.#timer);
    const target = parseTarget(message);
    if (typeof target === 'string') {
      this.#refuse(BridgeCloseCode.badTarget, target);
      return;
    }
    this.events.onTarget(target);
    // What follows waits until the target is there.
    this.page.pause();
    this.#connect(target).catch((error: unknown) => this.#refuse(BridgeCloseCode.unreachable, errorText(error)));
  }

  async #connect(target: BridgeTarget): Promise<void> {
    const { signal } = this.#giveUp;
    const executor = await this.#reach(target, signal);
    if (signal.aborted) {
      executor.close({ code: CloseCode.goingAway, reason: 'the page has gone' });
      this.#ended();
      return;
    }
    this.page.send({ data: Buffer.from(JSON.stringify({ bridge: 'open', target: executor.label })), isBinary: false });
    this.#link = new Link(this.page, executor, { onClose: () => this.#ended() }, this.#early.splice(0));
  }

  async #reach(target: BridgeTarget, signal: AbortSignal): Promise<Leg> {
    if ('target' in target) {
      return dialLeg(target.target, target.headers ?? {}, { signal, pingIntervalMs: this.settings.pingIntervalMs });
    }
    const [command = '', ...args] = target.command;
    this.#child = await this.events.startChild({
      command,
      args,
      cwd: target.cwd,
      env: { ...target.env, ...ownSecrets },
    });
    return new ConnectionLeg(this.#child);
  }

  #refuse(code: number, reason: string): void {
    this.page.close({ code, reason });
    this.#ended();
  }

  #ended(): void {
    clearTimeout(this.#timer);
    this.#giveUp.abort();
    const child = this.#child;
    if (child) void child.end().then(() => this.events.childEnded(child));
    this.events.onEnd();
  }
}

/** Variables of ours that no child inherits. */
const ownSecrets = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith('EXEC_WORKBENCH_'))
    .map((name) => [name, undefined]),
);

/** @returns the target, or what is wrong with it. */
function parseTarget({ data }: LegMessage): BridgeTarget | string {
  if (data.length > maxBridgeTargetBytes) return `the first message is larger than ${maxBridgeTargetBytes} bytes`;
  let message: unknown;
  try {
    message = JSON.parse(Buffer.from(data).toString());
  } catch {
    return 'the first message must be JSON that names the target: {"target":"ws://…"} or {"command":[…]}';
  }
  const parsed = bridgeTarget.safeParse(message);
  if (parsed.success) return parsed.data;
  return 'the first message must be {"target":"ws://…","headers":{…}} or {"command":["PROGRAM",…],"cwd":…,"env":{…}}';
}

// What a case gets to work with: connections, processes, a directory of its own on the executor, facts about the target.
// All of it ends with the case.

import { base64Encode, utf8Encode } from '../bytes.ts';
import { fsCreateDirectory, fsWriteFile } from '../protocol/fs.ts';
import { initialize } from '../protocol/initialize.ts';
import { formatPath } from '../protocol/path.ts';
import { processStart } from '../protocol/process.ts';
import type { Dialect } from './case.ts';
import type { Facts } from './facts.ts';
import { CaseSkipped } from './mismatch.ts';
import { CaseProcess, type ProcessEnd } from './process.ts';
import { RelayKit } from './relay-kit.ts';
import type { Target } from './target.ts';
import { Transcript } from './transcript.ts';
import { Waiting } from './waiting.ts';
import { Wire } from './wire.ts';

export interface StartOptions {
  /** Default `p`. */
  readonly processId?: string;
  readonly argv?: readonly string[];
  /** Instead of `argv`: run by /bin/sh. */
  readonly script?: string;
  readonly tty?: boolean;
  readonly pipeStdin?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** A plain path; default `/`. */
  readonly cwd?: string;
  /** Members as they are. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export const childEnv = { PATH: '/usr/local/bin:/usr/bin:/bin' } as const;

export class CaseContext {
  readonly transcript = new Transcript();
  readonly #waiting = new Waiting();
  readonly #wires: Wire[] = [];
  readonly #processes: CaseProcess[] = [];
  readonly #endings: (() => void)[] = [];
  #scratch: Promise<string> | undefined;
  #relay: RelayKit | undefined;

  constructor(
    readonly target: Target,
    readonly facts: Facts,
    /** Default deadline of a wait, ms. */
    readonly waitMs: number,
    /** A plain path for the scratch directory of this case; made when it is asked for. */
    private readonly scratchPath: string,
  ) {}

  get dialect(): Dialect {
    return this.facts.dialect;
  }

  /** The same context with another dialect, before the facts are known. */
  using(dialect: Dialect): CaseContext {
    return new CaseContext(this.target, { ...this.facts, dialect }, this.waitMs, this.scratchPath);
  }

  /** A plain path as this dialect writes it. */
  path(plain: string): string {
    return formatPath(plain, this.dialect === '0.169' ? 'uri' : 'plain');
  }

  /** A new connection, nothing said yet. */
  async wire(): Promise<Wire> {
    const connection = await this.target.dial({ timeoutMs: this.waitMs });
    return this.adopt(new Wire(connection, { ...this.parts, waitMs: this.waitMs }));
  }

  /** What is made beside the context, e.g. by the relay's cases, ends with it too. */
  adopt(wire: Wire): Wire {
    this.#wires.push(wire);
    return wire;
  }

  get parts(): { readonly transcript: Transcript; readonly waiting: Waiting } {
    return { transcript: this.transcript, waiting: this.#waiting };
  }

  /** A new connection with the handshake done. */
  async harness(params: Readonly<Record<string, unknown>> = {}): Promise<Wire> {
    const wire = await this.wire();
    await this.shakeHands(wire, params);
    return wire;
  }

  async shakeHands(wire: Wire, params: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const result = await wire.call(initialize, { clientName: 'conformance', ...params });
    wire.sessionId = result.sessionId;
    wire.handshake = result;
    wire.notify('initialized', {});
  }

  /** `process/start` params; nothing is sent. */
  startParams(options: StartOptions): Record<string, unknown> & { processId: string } {
    return {
      processId: options.processId ?? 'p',
      argv: options.argv ?? ['/bin/sh', '-c', options.script ?? 'exit 0'],
      cwd: this.path(options.cwd ?? '/'),
      env: options.env ?? childEnv,
      tty: options.tty ?? false,
      ...(options.pipeStdin === undefined ? {} : { pipeStdin: options.pipeStdin }),
      ...options.more,
    };
  }

  /** Starts a process; it is terminated at the end of the case if it still runs. */
  async start(wire: Wire, options: StartOptions): Promise<CaseProcess> {
    const params = this.startParams(options);
    await wire.call(processStart, params);
    return this.watch(wire, params.processId);
  }

  /** What is told about a process on a connection. */
  watch(wire: Wire, processId: string): CaseProcess {
    const process = new CaseProcess(wire, processId);
    this.#processes.push(process);
    return process;
  }

  /** A process from start to end, on a connection of its own. */
  async run(options: StartOptions): Promise<ProcessEnd> {
    const process = await this.start(await this.harness(), options);
    return process.untilClosed();
  }

  /** A directory of this case on the executor, as a plain path. */
  scratch(wire: Wire): Promise<string> {
    this.#scratch ??= wire
      .call(fsCreateDirectory, { path: this.path(this.scratchPath), recursive: true })
      .then(() => this.scratchPath);
    return this.#scratch;
  }

  /** Whether `scratch` was asked for. */
  get hasScratch(): boolean {
    return this.#scratch !== undefined;
  }

  /** Writes a file on the executor. @returns its plain path. */
  async file(wire: Wire, name: string, content: string | Uint8Array): Promise<string> {
    const path = `${await this.scratch(wire)}/${name}`;
    const bytes = typeof content === 'string' ? utf8Encode(content) : content;
    await wire.call(fsWriteFile, { path: this.path(path), dataBase64: base64Encode(bytes) });
    return path;
  }

  /** Runs a script to its end on this connection; it must succeed. @returns what it printed. */
  async sh(wire: Wire, script: string): Promise<string> {
    const process = await this.start(wire, { processId: `sh ${this.#processes.length}`, script });
    const { exitCode } = await process.untilClosed();
    if (exitCode !== 0) throw new Error(`the preparation ${JSON.stringify(script)} ended with ${exitCode}`);
    return process.text('stdout');
  }

  relay(): RelayKit {
    const { relay } = this.target;
    if (!relay) throw new CaseSkipped('no relay');
    if (!this.#relay) {
      const kit = new RelayKit(relay, this);
      this.#relay = kit;
      this.#endings.push(() => kit.close());
    }
    return this.#relay;
  }

  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  /** Waits; only for rules about time. */
  sleep(ms: number): Promise<void> {
    const until = performance.now() + ms;
    const timer = setTimeout(() => this.#waiting.changed(), ms + 1);
    this.onEnd(() => clearTimeout(timer));
    const isOver = () => (performance.now() >= until ? true : undefined);
    return this.#waiting.until('time to pass', ms + this.waitMs, isOver).then(() => undefined);
  }

  /** Ends waits, processes and connections. Idempotent. */
  end(reason: Error): void {
    for (const { wire, processId } of this.#processes) {
      const isOver = this.#isOver(processId, wire);
      if (!isOver && !wire.connection.isClosed) wire.request('process/terminate', { processId });
    }
    for (const ending of this.#endings.splice(0)) ending();
    for (const wire of this.#wires.splice(0)) wire.close();
    this.#waiting.stop(reason);
  }

  #isOver(processId: string, wire: Wire): boolean {
    return wire.received.some(
      ({ envelope }) =>
        envelope.kind === 'notification' &&
        envelope.method === 'process/closed' &&
        JSON.stringify(envelope.params).includes(JSON.stringify(processId)),
    );
  }
}

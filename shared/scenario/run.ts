// Plays a scenario against a server, over any connection, and tells what differed.

import type { Connection } from '../connection/connection.ts';
import { LocalError } from '../errors.ts';
import { isSecretName } from '../recording/redact.ts';
import { compareAnswers, compareConnection, hasArrived, messageFor, type Difference } from './compare-connection.ts';
import { compareValue, substitute, type Bindings } from './compare.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { Played, stoppableDelay } from './played.ts';
import { firstConnection, type HttpRequest, type RecvStep, type Scenario, type Step } from './scenario.ts';
import { fillStep, memberAt, startingValues, usesOf } from './variables.ts';

/** One connection, as a scenario needs it: below the rules of the protocol, since it may break them. */
export interface ScenarioLink {
  onMessage: (text: string) => void;
  /** Settles once and never rejects. */
  readonly ended: Promise<{ readonly code?: number; readonly reason: string }>;
  sendText(text: string): void;
  /** A binary message. */
  sendBytes(bytes: Uint8Array): void;
  drop(): void;
}

/** The server that a scenario is played against. */
export interface ScenarioPeer {
  /** @param name Of the connection in the scenario. */
  open(name: string): Promise<ScenarioLink>;
  /** Plain HTTP requests to the same address; `{status, headers, body}`. Absent: such scenarios are refused. */
  http?(request: HttpRequest): Promise<JsonObject>;
  /** The exit code of the program, for stdio. */
  readonly exitCode?: Promise<number | null>;
}

export interface RunOptions {
  /** Values of placeholders, e.g. `$TMP`. */
  readonly bindings?: ReadonlyMap<string, string>;
  /** Values of the variables that the scenario declares, as typed; the others have their defaults. */
  readonly variables?: ReadonlyMap<string, string>;
  /** Longest wait for what is expected, ms. Default 10,000. */
  readonly deadlineMs?: number;
  /** Connections that the server ends must end with a close frame (0.131.0 never sends one). Default false. */
  readonly expectsCloseFrame?: boolean;
  /**
   * How long to look for surplus messages after the answer to a last, unknown request, ms. Default 20. This is the only
   * fixed wait: nothing announces that a message will not come.
   */
  readonly surplusMs?: number;
  /**
   * Plays on after a difference, for those who look at everything that came. Once something has not come by its deadline,
   * what is due later is waited for only briefly. Default false.
   */
  readonly goesOn?: boolean;
  readonly signal?: AbortSignal;
  /** Before each step. */
  readonly onStep?: (step: Step) => void;
}

/** A connection as scenarios use it. */
export function scenarioLink(connection: Connection): ScenarioLink {
  let end: (close: { code?: number; reason: string }) => void = () => undefined;
  const link: ScenarioLink = {
    onMessage: () => undefined,
    ended: new Promise((resolve) => (end = resolve)),
    sendText: (text) => void connection.send(text),
    sendBytes: (bytes) => void connection.send(bytes),
    drop: () => connection.close(),
  };
  connection.open({
    onMessage: (text) => link.onMessage(text),
    onWritable: () => undefined,
    onClose: (close) => end(close),
  });
  return link;
}

/**
 * @returns the differences; none when the server does as the scenario says.
 * @throws LocalError `invalid-argument` for a scenario that this peer cannot be asked, or that lacks the value of a variable;
 * `aborted`, or what `peer.open` throws.
 */
export async function runScenario(
  scenario: Scenario,
  peer: ScenarioPeer,
  options: RunOptions = {},
): Promise<Difference[]> {
  const run = new Run(scenario, peer, options);
  try {
    return await run.play();
  } finally {
    run.end();
  }
}

/** With `goesOn`: for what may never come, ms. */
const overdueMs = 100;

/** The id of a last request, after the answer to which nothing more is to come; another one where it is taken. */
const endId = 'scenario-end';
/** Of that request: no server knows it. */
export const endMethod = 'scenario/end';
/** A shorter value would be found anywhere in a text, in characters. */
const minMaskedLength = 4;

class Run {
  readonly #connections = new Map<string, Played>();
  readonly #bindings: Bindings;
  /** Of the variables, now. */
  readonly #values: Map<string, Json>;
  /** What shall be saved once it has come. */
  #unsaved: { readonly step: RecvStep; readonly played: Played }[] = [];
  #deadlineMs: number;
  readonly #differences: Difference[] = [];
  /** The plain HTTP request whose answer is expected next. */
  #http: HttpRequest | undefined;

  constructor(
    private readonly scenario: Scenario,
    private readonly peer: ScenarioPeer,
    private readonly options: RunOptions,
  ) {
    this.#bindings = new Map(options.bindings);
    this.#values = startingValues(scenario, options.variables ?? new Map());
    this.#deadlineMs = options.deadlineMs ?? 10_000;
  }

  async play(): Promise<Difference[]> {
    const { scenario, peer, options } = this;
    if (scenario.transport !== 'http') await this.#open(firstConnection);
    for (const step of scenario.steps) {
      this.#throwIfAborted();
      options.onStep?.(step);
      const filled = await this.#fill(step);
      if (filled && (await this.#take(filled))) continue;
      this.#throwIfAborted();
      return this.#allDifferences();
    }
    await this.#settle();
    await Promise.all([...this.#connections.values()].map((played) => this.#drain(played)));
    await stoppableDelay(options.surplusMs ?? 20, options.signal).promise;
    this.#throwIfAborted();
    if (peer.exitCode === undefined && scenario.steps.some(({ dir }) => dir === 'exit')) {
      throw new LocalError('invalid-argument', 'this scenario expects an exit code: play it against a command (stdio)');
    }
    return this.#allDifferences();
  }

  #throwIfAborted(): void {
    if (this.options.signal?.aborted) throw new LocalError('aborted', 'the scenario was aborted');
  }

  end(): void {
    for (const { link } of this.#connections.values()) link.drop();
  }

  /** @returns the step with the values of its variables; undefined when one of them was not saved, which is a difference. */
  async #fill(step: Step): Promise<Step | undefined> {
    if (!this.scenario.variables) return step;
    const uses = usesOf(step);
    if (uses.length === 0) return step;
    // What it uses may be on its way.
    if (this.#unsaved.some((one) => uses.some((name) => name in (one.step.save ?? {})))) await this.#settle();
    const values = this.#values;
    const missing = uses.find((name) => !values.has(name));
    if (missing !== undefined) {
      this.#differ('conn' in step ? step.conn : firstConnection, step.line, `{{${missing}}} was not saved before`);
      return undefined;
    }
    return fillStep(step, values);
  }

  /** @returns whether it makes sense to go on. */
  async #take(step: Step): Promise<boolean> {
    switch (step.dir) {
      case 'send':
      case 'sendBytes': {
        if (!step.pipelined && !(await this.#mayGoOn())) return false;
        const played = this.#connection(step);
        if (step.dir === 'sendBytes') played.link.sendBytes(step.bytes);
        else played.send(substitute(step.text, this.#bindings));
        return true;
      }
      case 'recv':
        if (step.http) await this.#compareHttp(step, step.http);
        else this.#expect(step);
        return true;
      case 'http':
        this.#http = step.request;
        return true;
      case 'open':
        await this.#settle();
        await this.#open(step.conn);
        return true;
      case 'close':
        await this.#settle();
        this.#connection(step).link.drop();
        return true;
      case 'closed':
        await this.#expectEnd(step);
        return true;
      case 'sleep':
        await this.#settle();
        await stoppableDelay(step.ms, this.options.signal).promise;
        return true;
      case 'eof':
        await this.#settle();
        this.#connection({ conn: firstConnection, line: step.line }).link.drop();
        return true;
      case 'exit': {
        const code = await Promise.race([
          this.peer.exitCode ?? Promise.resolve(null),
          stoppableDelay(this.#deadlineMs).promise.then(() => 'none: it still runs' as const),
        ]);
        if (code !== step.code) {
          this.#differ(firstConnection, step.line, `the exit code should be ${step.code}, is ${String(code)}`);
        }
        return true;
      }
    }
  }

  async #open(name: string): Promise<void> {
    this.#connections.set(name, new Played(await this.peer.open(name)));
  }

  #expect(step: RecvStep): void {
    const played = this.#connection(step);
    played.steps.push(step);
    if (step.save) this.#unsaved.push({ step, played });
  }

  #connection({ conn, line }: { readonly conn: string; readonly line: number }): Played {
    const played = this.#connections.get(conn);
    if (played) return played;
    throw new LocalError('invalid-argument', `line ${line} uses connection ${conn} before it is opened`);
  }

  /** Waits for everything that is expected so far. @returns whether it came. */
  async #settle(): Promise<boolean> {
    const { compare } = this.scenario;
    let hasAll = true;
    for (const played of this.#connections.values()) {
      const holds = () => hasArrived(played.steps, played.received, compare);
      hasAll = (await played.wait(holds, this.#deadlineMs, this.options.signal)) && hasAll;
    }
    this.#unsaved = this.#unsaved.filter(({ step, played }) => {
      const { steps, received } = played;
      const message = messageFor(step, steps, received, this.scenario.answers, this.#bindings);
      if (message !== undefined) this.#save(step, message);
      return message === undefined;
    });
    return hasAll;
  }

  #save({ conn, line, save = {} }: RecvStep, message: Json): void {
    for (const [name, path] of Object.entries(save)) {
      const value = memberAt(message, path);
      if (value === undefined) this.#differ(conn, line, `${path} is missing: nothing to save as ${name}`);
      else this.#values.set(name, value);
    }
  }

  /** Comparing binds $SESSION. After a difference everything else would only wait in vain. */
  async #mayGoOn(): Promise<boolean> {
    const hasAll = await this.#settle();
    const { answers } = this.scenario;
    const differences = [...this.#connections.values()].flatMap((played) =>
      compareAnswers(played.steps, played.received, answers, this.#bindings).filter(({ kind }) => kind !== 'surplus'),
    );
    if (this.options.goesOn !== true) return hasAll && differences.length === 0;
    if (!hasAll) this.#deadlineMs = Math.min(this.#deadlineMs, overdueMs);
    return true;
  }

  async #expectEnd(step: { readonly conn: string; readonly line: number }): Promise<void> {
    const played = this.#connection(step);
    await played.wait(() => played.end !== undefined, this.#deadlineMs, this.options.signal);
    if (!played.end) this.#differ(step.conn, step.line, 'the server should have ended the connection');
    else if (this.options.expectsCloseFrame === true && played.end.code === 1006) {
      this.#differ(step.conn, step.line, 'the connection should end with a close frame');
    }
  }

  async #compareHttp(step: RecvStep, expected: JsonObject): Promise<void> {
    const { line, loose, alt } = step;
    const request = this.#http;
    if (!request)
      throw new LocalError('invalid-argument', `line ${line} expects an HTTP answer, no request came before`);
    if (!this.peer.http) throw new LocalError('invalid-argument', `line ${line}: plain HTTP cannot be asked here`);
    const answer = await this.peer.http(request);
    this.#save(step, answer);
    const about = `${request.method} ${request.path} ${JSON.stringify(request.headers)}`;
    for (const found of compareValue(expected, answer, { loose, alt }, this.#bindings)) {
      this.#differences.push({ kind: 'different', conn: firstConnection, line, about, ...found });
    }
  }

  /** What the server still had to say comes before the answer to this request. */
  async #drain(played: Played): Promise<void> {
    if (played.end) return;
    const id = played.unusedId(endId);
    const isEnd = (message: Json) => isObject(message) && message['id'] === id;
    played.link.sendText(JSON.stringify({ id, method: endMethod }));
    await played.wait(() => played.received.some(isEnd), this.#deadlineMs, this.options.signal);
    const at = played.received.findIndex(isEnd);
    if (at !== -1) played.received.splice(at, 1);
  }

  #differ(conn: string, line: number, text: string): void {
    this.#differences.push({ kind: 'different', conn, line, about: '', path: '', text });
  }

  #allDifferences(): Difference[] {
    const ofConnections = [...this.#connections].flatMap(([conn, played]) =>
      compareConnection(played.steps, played.received, this.scenario, this.#bindings).map((found) => ({
        ...found,
        conn,
      })),
    );
    const secrets = [...this.#values].filter(
      (entry): entry is [string, string] =>
        isSecretName(entry[0]) && typeof entry[1] === 'string' && entry[1].length >= minMaskedLength,
    );
    return [...this.#differences, ...ofConnections].map((difference) => ({
      ...difference,
      text: secrets.reduce((text, [name, value]) => text.replaceAll(value, () => `{{${name}}}`), difference.text),
    }));
  }
}

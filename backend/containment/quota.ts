// What all connections and sessions of a server share: limits that hold however many connections share the work among them.

import { RpcCode, RpcError } from '../../shared/errors.ts';

/** A number of things that may exist at a time. */
export class Quota {
  used = 0;

  /**
   * @param what in the plural, e.g. `processes`.
   * @param flag where the limit can be changed, e.g. `--max-total-processes`.
   */
  constructor(
    private readonly what: string,
    readonly max: number,
    private readonly flag: string,
  ) {}

  /** @throws RpcError -32001 when all are taken. */
  assertFree(): void {
    if (this.used < this.max) return;
    throw new RpcError(
      RpcCode.overloaded,
      `too many ${this.what}: the limit of this server is ${this.max} (${this.flag}); try again when some have ended`,
    );
  }

  /** Whoever takes one gives it back by `release`. @throws RpcError as `assertFree`. */
  take(): void {
    this.assertFree();
    this.used++;
  }

  release(): void {
    this.used--;
  }
}

/** Bytes of output that all processes together keep. Beyond, whoever has new output drops its oldest for it. */
export class OutputBudget {
  usedBytes = 0;

  constructor(readonly maxBytes: number) {}

  get isExceeded(): boolean {
    return this.usedBytes > this.maxBytes;
  }
}

export interface SharedLimits {
  readonly processes: Quota;
  readonly waitingRequests: Quota;
  readonly httpRequests: Quota;
  readonly fileHandles: Quota;
  readonly output: OutputBudget;
}

export interface SharedLimitSettings {
  readonly maxTotalProcesses: number;
  readonly maxTotalWaitingRequests: number;
  readonly maxTotalHttpRequests: number;
  readonly maxTotalFileHandles: number;
  readonly maxTotalRetainedBytes: number;
}

export function sharedLimits(settings: SharedLimitSettings): SharedLimits {
  return {
    processes: new Quota('processes', settings.maxTotalProcesses, '--max-total-processes'),
    waitingRequests: new Quota('waiting requests', settings.maxTotalWaitingRequests, '--max-total-waiting-requests'),
    httpRequests: new Quota('HTTP requests', settings.maxTotalHttpRequests, '--max-total-http-requests'),
    fileHandles: new Quota('open file handles', settings.maxTotalFileHandles, '--max-total-file-handles'),
    output: new OutputBudget(settings.maxTotalRetainedBytes),
  };
}

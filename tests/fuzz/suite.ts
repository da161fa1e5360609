// What a fuzzing suite is: inputs from a seed, and real programs that are sent them and must show that they are alive.
import type { OwnProgram } from '../helpers/own-program.ts';
import type { Random } from '../simulation/random.ts';

export interface FuzzSuite {
  readonly name: string;
  /** Its part of all inputs, 0 to 1. */
  readonly share: number;
  /** Inputs that go together; memory of the programs is looked at between batches. */
  readonly batch: number;
  /** The inputs of one batch: the same for the same random numbers. Nothing that they ask for may do harm. */
  generate(random: Random, count: number): Uint8Array[];
  start(): Promise<FuzzTarget>;
}

export interface FuzzTarget {
  /** Those whose memory, descriptors and ends are looked at. */
  readonly programs: readonly OwnProgram[];
  /** Sends all inputs; settles once the programs have answered what was sent behind them. @throws Error when they do not. */
  send(inputs: readonly Uint8Array[]): Promise<void>;
  stop(): Promise<void>;
}

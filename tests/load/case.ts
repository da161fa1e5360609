// What a load case is, and what its figures are judged by.
import { OwnProgram } from '../helpers/own-program.ts';

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The promise: at most, or at least, so much. */
  readonly atMost?: number;
  readonly atLeast?: number;
  /** True for a time that another load of the machine makes longer: missed, it is printed and fails nothing. */
  readonly isTime?: boolean;
}

export interface LoadCase {
  readonly name: string;
  run(): Promise<readonly Figure[]>;
}

export const MiB = 1024 * 1024;
export const KiB = 1024;

/** A server for one case, which ends with it. */
export async function withServer<T>(
  work: (server: OwnProgram) => Promise<T>,
  args: readonly string[] = [],
  command: 'serve' | 'exec-server' = 'exec-server',
): Promise<T> {
  const server = await OwnProgram.listen(command, args);
  try {
    const result = await work(server);
    if (server.end !== undefined) throw new Error(`the server ${server.end}`);
    const defect = server.defect();
    if (defect !== undefined) throw new Error(`the server said ${defect}`);
    return result;
  } finally {
    await server.stop();
  }
}

export function isKept({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean {
  return value <= atMost && value >= atLeast;
}

/** The value that `share` of them do not exceed; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}

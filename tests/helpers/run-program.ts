// Runs the program to its end, as a user would from a shell, and keeps what it said.
import { spawn } from 'node:child_process';
import { serverProgram } from './server.ts';
import { within } from './until.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param env the whole environment, beside HOME and PATH. */
export async function runProgram(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const [program, ...first] = serverProgram();
  const child = spawn(program, [...first, ...args], {
    env: { HOME: '/', PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  try {
    const code = await within(
      'the program to end',
      10_000,
      new Promise<number | null>((resolve) => child.once('close', resolve)),
    );
    return { code, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
  }
}

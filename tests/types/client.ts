// What the compiler promises to users of the client library. Never run: `npm run typecheck` is the test.

import { expectTypeOf } from 'vitest';
import * as node from '../../backend/client/api.ts';
import * as browser from '../../shared/client/api.ts';

export async function promises(
  client: node.ExecServerClient,
  handle: node.ProcessHandle,
  environment: node.Environment,
): Promise<void> {
  expectTypeOf(node.connectWebSocket).toEqualTypeOf(browser.connectWebSocket);
  expectTypeOf(node.connectRelay).parameter(0).toExtend<{ registry: string; executorId: string }>();
  expectTypeOf(node.ExecServerClient).toEqualTypeOf(browser.ExecServerClient);
  // @ts-expect-error a browser starts no programs
  expectTypeOf(browser.connectStdio).toBeAny();

  expectTypeOf(client.run).returns.resolves.toEqualTypeOf<node.RunResult>();
  expectTypeOf(client.exec).returns.resolves.toEqualTypeOf<node.ProcessHandle>();
  expectTypeOf(client.exec).parameter(0).toHaveProperty('argv').toEqualTypeOf<readonly string[]>();
  expectTypeOf(environment.run).toEqualTypeOf(client.run);
  expectTypeOf(environment.fs).toEqualTypeOf(client.fs);
  expectTypeOf<node.ClientStatus['phase']>().toEqualTypeOf<'connecting' | 'ready' | 'waiting' | 'closed'>();

  expectTypeOf(handle.output).toEqualTypeOf<AsyncIterable<node.OutputBytes>>();
  expectTypeOf(handle.stdout).toEqualTypeOf<ReadableStream<Uint8Array>>();
  expectTypeOf(handle.exited).resolves.toEqualTypeOf<number>();
  expectTypeOf(handle.write).parameter(0).toEqualTypeOf<string | Uint8Array>();
  expectTypeOf(client.http.fetch).returns.resolves.toEqualTypeOf<Response>();
  expectTypeOf(client.fs.readFile).returns.resolves.toEqualTypeOf<Uint8Array>();

  const call = () => client.call(node.processRead, { processId: 'p' });
  expectTypeOf(call).returns.resolves.toHaveProperty('exitCode').toEqualTypeOf<number | null>();

  // @ts-expect-error argv is missing
  await client.exec({ cwd: '/' });
  // @ts-expect-error a command line is no list of words
  await client.run({ argv: 'ls -l' });
  // @ts-expect-error processId is missing
  await client.call(node.processRead, { afterSeq: 1 });
  // @ts-expect-error there is one signal
  await handle.signal('SIGKILL');
  // @ts-expect-error no such code
  new node.LocalError('gone', 'x');
}

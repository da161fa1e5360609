// The conformance suite on our own server, which keeps every rule, and on faulty ones: each fault is found by the cases that
// are meant for it and by no others.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpFixture, type HttpFixture } from '../../../backend/cli/conform/http-fixture.ts';
import { openTarget } from '../../../backend/cli/conform/target.ts';
import { allCases } from '../../../shared/conformance/all-cases.ts';
import type { ConformanceCase } from '../../../shared/conformance/case.ts';
import { failureText, familyOf } from '../../../shared/conformance/report.ts';
import { runCases, type Report } from '../../../shared/conformance/run.ts';
import { RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { startServer, startStdioServer, useServer } from '../../helpers/server.ts';
import { faultyBytes, frameFaults } from './frame-faults.ts';
import { FaultyServer } from './faulty-server.ts';
import { faults } from './faults.ts';
import { faultySockets, relayFaults } from './relay-faults.ts';
import { faultyProgram, stdioFaults } from './stdio-faults.ts';

const server = useServer();
let fixture: HttpFixture;
beforeAll(async () => {
  fixture = await startHttpFixture();
});
afterAll(() => fixture.close());

const failures = (report: Report): string[] =>
  report.results.filter(({ status }) => status === 'fail').map(failureText);
const skipped = (report: Report): string[] =>
  report.results.filter(({ status }) => status === 'skip').map(({ id, reason }) => `${id}: ${reason ?? ''}`);

describe('the suite', () => {
  it('has cases with unique ids and titles that say what must hold', () => {
    expect(new Set(allCases.map(({ id }) => id)).size).toBe(allCases.length);
    for (const { id, title } of allCases)
      expect([id, title]).toEqual([expect.stringMatching(/^[A-Z-]+-\d{3}$/), expect.stringMatching(/^\S.{8,}$/)]);
    expect(allCases.length).toBeGreaterThan(400);
  });

  it('passes on serve: directly, by WebSocket and HTTP, and its relay with an executor behind it', async () => {
    const relay = await startServer({ command: 'serve' });
    await RemoteExecutorProcess.start({ remote: relay.httpUrl, executorId: 'box', token: relay.token });
    const url = relay.url.replace(/\?.*/, '');
    const about = { url, token: relay.token, registry: relay.httpUrl, executorId: 'box' };
    const open = openTarget({ ...about, httpFixture: fixture.url });
    const report = await runCases(allCases, open.target, { parallel: 6 });
    await open.close();
    expect(failures(report)).toEqual([]);
    expect(skipped(report).filter((line) => !/root|stdio|slow|dialect/.test(line))).toEqual([]);
  });

  it('passes on exec-server in the dialect of 0.131', async () => {
    const open = openTarget({ url: server.current.url, httpFixture: fixture.url });
    const cases = allCases.filter(({ id }) => /^(EXEC-(SESSION|START|READ)|FS-(PATH|COPY)|LISTEN)/.test(id));
    const report = await runCases(cases, open.target, { dialect: '0.131', parallel: 6 });
    expect(failures(report)).toEqual([]);
  });

  it('passes on stdio', async () => {
    // Only to learn how the program is started here.
    const { server: started } = await startStdioServer();
    const open = openTarget({ command: started.child.spawnargs, httpFixture: fixture.url });
    const cases = allCases.filter(({ id }) => /^STDIO-|^EXEC-(HANDSHAKE|OUTPUT|TTY)-001$/.test(id));
    const report = await runCases(cases, open.target, { parallel: 2, slow: true });
    await open.close();
    expect([failures(report), skipped(report)]).toEqual([[], []]);
  });

  it('sees detached sessions, closed processes and silent peers end in their time', async () => {
    const args = ['detached-session-ttl', 'closed-process-retention', 'ping-interval'].flatMap((time) => [
      `--${time}-ms`,
      '300',
    ]);
    const short = await startServer({ args });
    const open = openTarget({ url: short.url, httpFixture: fixture.url });
    const cases = allCases.filter(({ needs }) => needs?.includes('slow') === true && !needs.includes('stdio'));
    const report = await runCases(cases, open.target, { slow: true });
    expect([failures(report), skipped(report)]).toEqual([[], []]);
  });

  it('ends with what is known when it is aborted', async () => {
    const open = openTarget({ url: server.current.url, httpFixture: fixture.url });
    const abort = new AbortController();
    const report = await runCases(allCases, open.target, {
      signal: abort.signal,
      onProgress: ({ finished }) => {
        if (finished === 3) abort.abort();
      },
    });
    expect(report.results.length).toBeLessThan(20);
    expect(failures(report)).toEqual([]);
  });
});

/** EXEC_TEST_ALL_FAULTS=1 runs every case against every fault, which takes some minutes. */
const runsAll = process.env['EXEC_TEST_ALL_FAULTS'] === '1';
const overWebSocket = allCases.filter(({ id }) => !/^(LISTEN|RELAY|STDIO|WEBSOCKET)/.test(id));
/** One case of each of these families: none may fail that is not meant. */
const sampled = allCases.filter(({ id }) => /^(EXEC|STDIO|WEBSOCKET)-/.test(id));
const samples = [...new Map(sampled.map((known) => [familyOf(known.id), known])).values()];

function casesFor(fails: readonly string[], among: readonly ConformanceCase[]): readonly ConformanceCase[] {
  return runsAll ? among : among.filter((known) => fails.includes(known.id) || samples.includes(known));
}

describe.concurrent('a server where', () => {
  it.for(faults)('$name', async ({ fails, ...fault }, { expect: expectHere }) => {
    const faulty = await FaultyServer.start(server.current.url, fault);
    const open = openTarget({ url: faulty.url, httpFixture: fixture.url });
    try {
      const report = await runCases(casesFor(fails, overWebSocket), open.target, {
        parallel: 4,
        waitMs: 2500,
        caseTimeoutMs: 15_000,
      });
      const failed = report.results.filter(({ status }) => status === 'fail').map(({ id }) => id);
      expectHere(failed.sort()).toEqual([...fails].sort());
    } finally {
      await faulty.stop();
    }
  });
});

describe('a relay, and a WebSocket, where', () => {
  it('each fault is found by the cases meant for it and by no others', async () => {
    const relay = await startServer({ command: 'serve' });
    await RemoteExecutorProcess.start({ remote: relay.httpUrl, executorId: 'box', token: relay.token });
    const about = { registry: relay.httpUrl, executorId: 'box', token: relay.token };
    const url = relay.url.replace(/\?.*/, '');
    const { target } = openTarget({ ...about, url, httpFixture: fixture.url });
    const cases = allCases.filter(({ id }) => /^RELAY-(ENDPOINT|RENDEZVOUS)/.test(id));
    await expectFound(relayFaults, (fault) =>
      runCases(
        cases,
        { ...target, relay: { ...target.relay!, factory: faultySockets(fault) } },
        { parallel: 6, waitMs: 2500 },
      ),
    );
    const framed = allCases.filter(({ id }) => /^(WEBSOCKET|RELAY-RENDEZVOUS-016)/.test(id));
    await expectFound(frameFaults, (fault) =>
      runCases(
        casesFor(fault.fails, framed),
        { ...target, bytes: faultyBytes(target.bytes!, fault) },
        { parallel: 6, waitMs: 2500 },
      ),
    );
  });
});

describe('a program on stdio where', () => {
  it('each fault is found by the cases meant for it and by no others', async () => {
    const cases = allCases.filter(({ id }) => id.startsWith('STDIO-'));
    await expectFound(stdioFaults, async (fault) => {
      const program = faultyProgram(fault);
      const slow = fault.fails.includes('STDIO-010');
      try {
        return await runCases(casesFor(fault.fails, cases), program.target, { parallel: 4, waitMs: 2500, slow });
      } finally {
        await program.close();
      }
    });
  });
});

/** What each fault fails, by its name; as they say of themselves. */
async function expectFound<F extends { readonly name: string; readonly fails: readonly string[] }>(
  faulty: readonly F[],
  run: (fault: F) => Promise<Report>,
): Promise<void> {
  const found = await Promise.all(
    faulty.map(async (fault) => {
      const { results } = await run(fault);
      return [
        fault.name,
        results
          .filter(({ status }) => status === 'fail')
          .map(({ id }) => id)
          .sort(),
      ] as const;
    }),
  );
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(faulty.map(({ name, fails }) => [name, fails])));
}

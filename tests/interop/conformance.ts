// `npm run conformance:peers`: runs the conformance suite on this server and on the genuine Codex exec servers, and writes what
// came of it into docs/conformance.md. Takes some minutes, since it waits for retention times; not part of `npm test`.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';
import { startHttpFixture } from '../../backend/cli/conform/http-fixture.ts';
import { openTarget } from '../../backend/cli/conform/target.ts';
import { buildFor } from '../../scripts/vitest/build-once.js';
import { allCases } from '../../shared/conformance/all-cases.ts';
import type { Dialect } from '../../shared/conformance/case.ts';
import { cell, failureText, familyOf } from '../../shared/conformance/report.ts';
import { runCases, type CaseResult, type Report } from '../../shared/conformance/run.ts';
import { until } from '../helpers/until.ts';
import { codexCli, type CodexCli } from './codex-cli.ts';
import { deviationNotes, relayDecision } from './conformance-notes.ts';
import { RunningServer } from './servers.ts';
import { endGroup, folderMade, groupStarted } from './started.ts';

interface Options {
  readonly codex131?: string;
  readonly codex169?: string;
  readonly slow: boolean;
  readonly write: boolean;
}

const options = new Command('conformance:peers')
  .description('Runs the conformance suite on this server and on the genuine ones.')
  .option('--codex-131 <path>', 'program of Codex CLI 0.131.0; left out: installed from npm')
  .option('--codex-169 <path>', 'program of Codex CLI 0.169.0; left out: installed from npm')
  .option('--no-slow', 'leave out what waits for the servers’ own times')
  .option('--no-write', 'leave docs/conformance.md as it is')
  .parse()
  .opts<Options>();

const page = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));
const own = {
  command: process.execPath,
  args: [fileURLToPath(new URL('../../dist/exec-workbench.js', import.meta.url))],
};
const token = crypto.randomUUID();

/** One column of the matrix. */
interface Peer {
  readonly name: string;
  readonly results: ReadonlyMap<string, CaseResult>;
  readonly isGenuine: boolean;
}

const root = await mkdtemp(path.join(tmpdir(), 'conformance-peers-'));
folderMade(root);
const fixture = await startHttpFixture();
const started: RunningServer[] = [];
const executors: (number | undefined)[] = [];
try {
  buildFor('conformance:peers');
  const older = await codexCli('0.131.0', root, options.codex131);
  const newer = await codexCli('0.169.0', root, options.codex169);
  const relay = await start('serve', older);
  await joinRelay('ours', own, relay);
  await joinRelay('codex-131', { command: older.program, args: [] }, relay);
  const ours = await start('exec-server', older);
  const stdio = ['exec-server', '--listen', 'stdio'];
  const peers: Peer[] = [
    merged('this server', [
      await run('this server', ours, { dialect: '0.169', executorId: 'ours' }),
      await run('this server', ours, { dialect: '0.131', executorId: 'ours' }),
      await runStdio('this server', [own.command, ...own.args, ...stdio]),
    ]),
    merged(
      'Codex 0.131.0',
      [
        await run('Codex 0.131.0', await start('genuine', older), { dialect: 'auto', executorId: 'codex-131' }),
        await runStdio('Codex 0.131.0', [older.program, ...stdio]),
      ],
      true,
    ),
    merged(
      'Codex 0.169.0',
      [
        await run('Codex 0.169.0', await start('genuine', newer), { dialect: 'auto' }),
        await runStdio('Codex 0.169.0', [newer.program, ...stdio]),
      ],
      true,
    ),
  ];
  const faults = faultsOf(peers);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
  if (options.write) await writeMatrix(peers);

  async function run(
    name: string,
    server: RunningServer,
    { dialect, executorId }: { dialect: Dialect | 'auto'; executorId?: string },
  ): Promise<Report> {
    const about = executorId === undefined ? {} : { registry: httpUrl(relay), executorId, token };
    // A registry's token is none of a plain server's: without a relay there is none.
    const open = openTarget({ url: server.url, httpFixture: fixture.url, ...about });
    // The rendezvous is this server's, whoever the executor is.
    const isOwnRelay = executorId === undefined || executorId === 'ours';
    const cases = isOwnRelay ? allCases : allCases.filter(({ id }) => !/^RELAY-RE/.test(id));
    const report = await runCases(cases, open.target, { dialect, parallel: 4, slow: options.slow });
    await open.close();
    tell(name, report);
    return report;
  }

  /** Newline framing; the rest was tried over WebSocket. */
  async function runStdio(name: string, command: readonly string[]): Promise<Report> {
    const open = openTarget({ command, httpFixture: fixture.url });
    const cases = allCases.filter(({ id }) => id.startsWith('STDIO-'));
    const report = await runCases(cases, open.target, { parallel: 1, slow: options.slow });
    await open.close();
    tell(`${name} on stdio`, report);
    return report;
  }
} finally {
  for (const pid of executors) endGroup(pid);
  for (const server of started) await server.stop();
  await fixture.close();
  await rm(root, { recursive: true, force: true });
}

function tell(name: string, report: Report): void {
  const failed = report.results.filter(({ status }) => status === 'fail');
  console.log(`${name}, dialect ${report.dialect}: ${report.results.length} cases, ${failed.length} failed`);
  for (const result of failed) console.log(`${failureText(result).split('\n').slice(0, 3).join('\n')}\n`);
}

async function start(kind: 'serve' | 'exec-server' | 'genuine', cli: CodexCli): Promise<RunningServer> {
  const home = path.join(root, `${cli.version}-${kind}`);
  await mkdir(home, { recursive: true });
  const server = await RunningServer.start(
    kind,
    cli,
    home,
    kind === 'serve' ? { env: { EXEC_WORKBENCH_TOKEN: token } } : {},
  );
  started.push(server);
  return server;
}

function httpUrl({ url }: RunningServer): string {
  return `http://${new URL(url).host}`;
}

/** An executor behind the relay of `serve`. */
async function joinRelay(
  id: string,
  program: { command: string; args: readonly string[] },
  relay: RunningServer,
): Promise<void> {
  const home = path.join(root, `remote-${id}`);
  await mkdir(home, { recursive: true });
  const child = spawn(
    program.command,
    [...program.args, 'exec-server', '--remote', httpUrl(relay), '--executor-id', id],
    {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: home,
        CODEX_HOME: home,
        CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: token,
      },
    },
  );
  groupStarted(child.pid);
  executors.push(child.pid);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(`executor ${id} to register`, () => said.includes('registered with'), {
    withinMs: 15_000,
    describe: () => said,
  });
}

/** A case passes when it does in every run that it was not skipped in. */
function merged(name: string, reports: readonly Report[], isGenuine = false): Peer {
  const results = new Map<string, CaseResult>();
  for (const result of reports.flatMap((report) => report.results)) {
    const other = results.get(result.id);
    if (!other || other.status === 'skip' || result.status === 'fail') results.set(result.id, result);
  }
  return { name, results, isGenuine };
}

function isFailed(peer: Peer, id: string): boolean {
  return peer.results.get(id)?.status === 'fail';
}

function isTried(peer: Peer, id: string): boolean {
  return (peer.results.get(id)?.status ?? 'skip') !== 'skip';
}

/** What must not stay as it is: a failure of ours, one of theirs that nobody has explained, a rule that nobody but us keeps. */
function faultsOf(peers: readonly Peer[]): string[] {
  return allCases.flatMap(({ id, level }) => {
    const genuine = peers.filter((peer) => peer.isGenuine && isTried(peer, id));
    const deviating = genuine.filter((peer) => isFailed(peer, id));
    const note = deviationNotes[id];
    const faults = peers
      .filter((peer) => !peer.isGenuine && isFailed(peer, id))
      .map(() => `${id}: this server fails it`);
    if (deviating.length > 0 && level === 'must') faults.push(`${id}: a genuine server fails what is called a must`);
    if (deviating.length > 0 && !note) faults.push(`${id}: deviates, and no note tells how`);
    if (deviating.length > 0 && deviating.length === genuine.length && !decisionOf(id)) {
      faults.push(`${id}: no genuine server keeps it, and no decision says why we do`);
    }
    return faults;
  });
}

function decisionOf(id: string): string | undefined {
  return deviationNotes[id]?.decision ?? (id.startsWith('RELAY-ENDPOINT') ? relayDecision : undefined);
}

async function writeMatrix(peers: readonly Peer[]): Promise<void> {
  const families = [...new Set(allCases.map(({ id }) => familyOf(id)))];
  const counts = (peer: Peer, ids: readonly string[]): string => {
    const tried = ids.filter((id) => isTried(peer, id));
    if (tried.length === 0) return '–';
    const passed = tried.filter((id) => !isFailed(peer, id)).length;
    return passed === tried.length ? String(passed) : `${passed} of ${tried.length}`;
  };
  const row = (...cells: string[]) => `| ${cells.join(' | ')} |`;
  const names = peers.map(({ name }) => name);
  const matrix = [
    row('family', 'cases', ...names),
    row('---', '---', ...names.map(() => '---')),
    ...families.map((family) => {
      const ids = allCases.filter(({ id }) => familyOf(id) === family).map(({ id }) => id);
      return row(family, String(ids.length), ...peers.map((peer) => counts(peer, ids)));
    }),
    row(
      '**all**',
      String(allCases.length),
      ...peers.map((peer) =>
        counts(
          peer,
          allCases.map(({ id }) => id),
        ),
      ),
    ),
  ];
  // What happens now and then is told whether it happened in this run or not.
  const deviations = allCases.filter(
    ({ id }) => deviationNotes[id]?.now !== undefined || peers.some((peer) => isFailed(peer, id)),
  );
  const outcome = (peer: Peer, id: string) =>
    !isTried(peer, id) ? '–' : (deviationNotes[id]?.now ?? (isFailed(peer, id) ? 'deviates' : 'keeps it'));
  const genuine = peers.filter((peer) => peer.isGenuine);
  const table = [
    row('case', 'rule', ...genuine.map(({ name }) => name), 'what it does instead', 'why the rule stands'),
    row('---', '---', ...genuine.map(() => '---'), '---', '---'),
    ...deviations.map(({ id, title }) =>
      row(
        id,
        cell(title),
        ...genuine.map((peer) => outcome(peer, id)),
        cell(deviationNotes[id]?.does ?? ''),
        cell(decisionOf(id) ?? ''),
      ),
    ),
  ];
  const date = new Date().toISOString().slice(0, 10);
  const made = [
    `Made by \`npm run conformance:peers\` on ${date}${options.slow ? '' : ', without the slow cases'}. A number is of cases that passed; – means that none could be tried.`,
    '',
    ...matrix,
    '',
    '### Where genuine servers deviate',
    '',
    ...table,
  ].join('\n');
  const text = await readFile(page, 'utf8');
  const [head, rest = ''] = text.split('<!-- matrix -->');
  const [, tail = ''] = rest.split('<!-- /matrix -->');
  const style = await resolveConfig(page);
  const whole = `${head ?? ''}<!-- matrix -->\n\n${made}\n\n<!-- /matrix -->${tail}`;
  await writeFile(page, await format(whole, { ...style, parser: 'markdown' }));
}

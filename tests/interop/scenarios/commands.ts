// Commands on pipes: exit codes, both streams, much output, several at once, several runs, and how they are broken off.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { until } from '../../helpers/until.ts';
import { clipped, command, commandReport, outputOnWire, sessionOf, typed, type Scenario } from '../scenario.ts';

const plainCommands: Scenario = {
  id: 'plain-commands',
  title: 'exit codes, stderr, environment and working directory of plain commands are told exactly',
  genuineNote: '0.131 says -1 for a command that a signal ended, this server and 0.169 say 128 + the signal.',
  async run(context) {
    const below = path.join(context.cwd, 'below');
    await mkdir(below);
    let evidence = '';
    await context.run(async (model) => {
      const [ok] = await model.call(command('echo to-stdout; echo to-stderr >&2'));
      const both = commandReport(ok?.text);
      assert.equal(both.exitCode, 0);
      assert.match(both.output, /to-stdout\n/);
      assert.match(both.output, /to-stderr\n/);
      for (const code of [1, 3, 127, 255]) {
        const [report] = await model.call(command(`exit ${String(code)}`));
        assert.equal(commandReport(report?.text).exitCode, code);
      }
      const [killed] = await model.call(command('kill -9 $$'));
      const signalled = commandReport(killed?.text).exitCode;
      // The genuine 0.131 says -1 for any signal; 128 + n is what a shell says, and 0.169.
      assert.equal(signalled, context.isGenuine && !context.isPushed ? -1 : 137);
      const [place] = await model.call(command('pwd; echo "$TERM"; echo "${CODEX_THREAD_ID:+thread}"', { cwd: below }));
      assert.equal(commandReport(place?.text).output.trim(), `${await realpath(below)}\ndumb\nthread`);
      const [nowhere] = await model.call(command('echo ran', { cwd: path.join(context.cwd, 'missing') }));
      assert.doesNotMatch(nowhere?.text ?? '', /^ran$/m);
      evidence = `0, 1, 3, 127, 255 exact; SIGKILL ${String(signalled)}; missing cwd: ${clipped(nowhere?.text ?? '')}`;
      return 'done';
    });
    return evidence;
  },
};

const LINES = 40_000;
/** `seq`-like, but with lines of one length: 40,000 lines of 50 bytes are 2,000,000 bytes. */
const TWO_MEGABYTES = `awk 'BEGIN { for (i = 1; i <= ${String(LINES)}; i++) printf "%049d\\n", i }'`;

function twoMegabytes(lineEnd: string): Buffer {
  return Buffer.from(Array.from({ length: LINES }, (_, i) => String(i + 1).padStart(49, '0') + lineEnd).join(''));
}

function muchOutput(tty: boolean): Scenario {
  return {
    id: tty ? 'much-output-tty' : 'much-output',
    title: `2 MB of output at full speed ${tty ? 'on a terminal' : 'through a pipe'}: whole by pushes (0.169), whole at its end by reading (0.131)`,
    genuineNote:
      'CLI 0.131 reads from the newest 1 MiB that the server keeps; a command that writes faster than it reads costs it the middle, on both servers (`--retained-output-bytes` keeps more). It tells the model of the first and last 512 KiB in any case.',
    async run(context) {
      let told = '';
      await context.run(async (model) => {
        const [report] = await model.call(command(TWO_MEGABYTES, { tty, maxTokens: 2_000 }));
        told = report?.text ?? '';
        return 'done';
      });
      const { exitCode, output } = commandReport(told);
      assert.equal(exitCode, 0);
      assert.match(
        output,
        new RegExp(`0{44}${String(LINES)}\\s*$`),
        'the last line is missing in what the CLI reports',
      );
      const [start] = context.tap.requests('process/start');
      assert.ok(start !== undefined);
      const { bytes, missingSeqs } = outputOnWire(context, start);
      const expected = twoMegabytes(tty ? '\r\n' : '\n');
      const isWhole = sha256(bytes) === sha256(expected);
      const tokens = /Original token count: (\d+)/.exec(told)?.[1] ?? '?';
      const seen = `${String(bytes.length)} of ${String(expected.length)} bytes on the wire, CLI counts ${tokens} tokens`;
      // 0.131 reads at its own pace from the 1 MiB that a server keeps: what it was too slow for is gone, also between
      // a genuine pair. What it did get must be right, and the CLI must have got the end.
      if (!context.isPushed && !isWhole) {
        assert.ok(expected.subarray(-4096).equals(bytes.subarray(-4096)), `${seen}, and not the end`);
        return `${seen} (it reads slower than the command writes; the end is whole)`;
      }
      assert.ok(isWhole, `${seen}, SHA-256 differs, missing seqs ${clipped(missingSeqs.join(' '), 80)}`);
      return `${seen}, SHA-256 equal`;
    },
  };
}

/** The same 2,000,000 bytes at a pace that a reader can follow: 20 parts with 50 ms between them. */
const PACED = `for part in $(seq 0 19); do awk -v p=$part 'BEGIN { for (i = 1; i <= 2000; i++) printf "%049d\\n", p * 2000 + i }'; sleep 0.05; done`;

const pacedOutput: Scenario = {
  id: 'much-output-paced',
  title: '2 MB of output that take a second arrive whole, by reading (0.131) and by pushes (0.169) alike',
  async run(context) {
    let told = '';
    await context.run(async (model) => {
      const [report] = await model.call(command(PACED, { maxTokens: 2_000 }));
      told = report?.text ?? '';
      return 'done';
    });
    assert.equal(commandReport(told).exitCode, 0);
    const [start] = context.tap.requests('process/start');
    assert.ok(start !== undefined);
    const { bytes } = outputOnWire(context, start);
    assert.equal(sha256(bytes), sha256(twoMegabytes('\n')), `${String(bytes.length)} bytes, SHA-256 differs`);
    const reads = context.tap.requests('process/read').length;
    return `${String(bytes.length)} bytes, SHA-256 equal, ${String(reads)} process/read`;
  },
};

const severalRuns: Scenario = {
  id: 'several-runs',
  title: 'five runs one after another on one server, each with commands of its own',
  async run(context) {
    for (let run = 1; run <= 5; run++) {
      await context.run(async (model) => {
        const [first] = await model.call(command(`echo run-${String(run)} > mark-${String(run)}; cat mark-*`));
        const lines = commandReport(first?.text).output.trim().split('\n');
        assert.deepEqual(
          lines,
          Array.from({ length: run }, (_, i) => `run-${String(i + 1)}`),
        );
        const [second] = await model.call(command(`exit ${String(run)}`));
        assert.equal(commandReport(second?.text).exitCode, run);
        return 'done';
      });
    }
    assert.equal(context.tap.connections, 5, 'each run opens one connection');
    await until('the commands to be gone', () => context.commandsRunning() === 0);
    return `5 runs, ${String(context.tap.connections)} connections, 0 processes left`;
  },
};

const atOnce: Scenario = {
  id: 'at-once',
  title: 'commands that the model asks for in one answer each get their own output and exit code',
  async run(context) {
    await context.run(async (model) => {
      const reports = await model.call(
        ...[1, 2, 3, 4, 5, 6].map((n) =>
          command(`echo start-${String(n)}; sleep 0.3; echo end-${String(n)}; exit ${String(n)}`),
        ),
      );
      reports.forEach((report, index) => {
        const n = index + 1;
        const { exitCode, output } = commandReport(report.text);
        assert.equal(exitCode, n);
        assert.equal(output.trim(), `start-${String(n)}\nend-${String(n)}`);
      });
      return 'done';
    });
    return '6 commands, each with its own output and exit code';
  },
};

const backgroundChild: Scenario = {
  id: 'background-child',
  title: 'a background child that holds stdout wedges neither the command nor what follows',
  async run(context) {
    const holdSeconds = 4;
    let tookMs = 0;
    let first = '';
    await context.run(async (model) => {
      const startedAtMs = performance.now();
      const [report] = await model.call(command(`sleep ${String(holdSeconds)} & echo foreground`, { yieldMs: 10_000 }));
      tookMs = Math.round(performance.now() - startedAtMs);
      first = report?.text ?? '';
      const { exitCode, sessionId, output } = commandReport(first);
      assert.match(output, /^foreground$/m);
      assert.ok(exitCode === 0 || sessionId !== undefined, 'neither ended nor running');
      const [next] = await model.call(command('echo next'));
      assert.match(commandReport(next?.text).output, /^next$/m);
      return 'done';
    });
    // Both CLIs report the end of a command when its output has ended, so the holder's own time is what it takes.
    assert.ok(tookMs < (holdSeconds + 3) * 1000, `the report took ${String(tookMs)} ms`);
    await until('the background child to be gone', () => context.commandsRunning() === 0, { withinMs: 15_000 });
    return `reported after ${String(tookMs)} ms with ${first.includes('exited with code 0') ? 'exit code 0' : 'a running session'}; next command ran`;
  },
};

const interrupted: Scenario = {
  id: 'ctrl-c',
  title: 'Ctrl-C ends a running command, on a terminal and (0.169) on pipes',
  genuineNote: 'both versions say 1 for a signal on a terminal; this server says 130 there too.',
  async run(context) {
    const seen: string[] = [];
    await context.run(async (model) => {
      for (const tty of context.isPushed ? [true, false] : [true]) {
        const [running] = await model.call(command('echo before; sleep 300; echo after', { tty, yieldMs: 500 }));
        const [report] = await model.call(typed(sessionOf(running?.text), '\u0003', 5_000));
        const { exitCode, output } = commandReport(report?.text);
        assert.ok(exitCode !== undefined && exitCode !== 0, `still running: ${clipped(report?.text ?? '')}`);
        assert.doesNotMatch(output, /^after$/m);
        if (!context.isGenuine) assert.equal(exitCode, 130);
        seen.push(`${tty ? 'terminal' : 'pipes'}: exit code ${String(exitCode)}`);
      }
      return 'done';
    });
    if (context.isPushed) assert.equal(context.tap.requests('process/signal').length, 1);
    await until('sleep to be gone', () => context.commandsRunning() === 0);
    return seen.join(', ');
  },
};

const cliInterrupted: Scenario = {
  id: 'cli-interrupted',
  title: 'SIGINT to the CLI in the middle of a command leaves nothing running on the server',
  async run(context) {
    let cliPid: number | undefined;
    let goneAfterMs: number | undefined;
    const outputs = (): number =>
      context.tap.messages.filter(({ message }) => message.method === 'process/output').length;
    const interrupting = async (): Promise<void> => {
      await until('output of the command', () => outputs() > 0, { withinMs: 20_000 });
      const startedAtMs = performance.now();
      assert.ok(cliPid !== undefined);
      process.kill(-cliPid, 'SIGINT');
      // A genuine server keeps the processes of a lost client for 10 s (0.131) or 80 s (0.169); a CLI that is
      // interrupted has time to end them itself, and does.
      await until('the command to be gone', () => context.commandsRunning() === 0, { withinMs: 15_000, everyMs: 50 });
      goneAfterMs = Math.round(performance.now() - startedAtMs);
    };
    const watching = interrupting();
    const run = await context.tryRun(
      async (model) => {
        await model.call(command('echo running; sleep 300', { yieldMs: 30_000 }));
        return 'done';
      },
      { onStarted: (pid) => (cliPid = pid) },
    );
    await watching;
    const terminated = context.tap.requests('process/terminate').length;
    return `CLI ended with ${String(run.exitCode ?? run.signal)}, ${String(terminated)} process/terminate, command gone after ${String(goneAfterMs)} ms`;
  },
};

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export const commandScenarios: readonly Scenario[] = [
  plainCommands,
  muchOutput(false),
  muchOutput(true),
  pacedOutput,
  severalRuns,
  atOnce,
  backgroundChild,
  interrupted,
  cliInterrupted,
];

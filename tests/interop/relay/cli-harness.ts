// The genuine Codex CLI as harness: each check is a run of its own, asked for by a model that a script plays. What the CLI
// gets, only it sees (over Noise nobody else can), so a check looks at what it tells the model.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCodex, type CodexCli } from '../codex-cli.ts';
import type { Model, ModelScript } from '../model-stand-in.ts';
import { clipped, command, commandReport, sessionOf, typed } from '../scenario.ts';
import {
  allTicks,
  assertAllTicks,
  OUTPUT_BYTES,
  TICKING,
  untilTicking,
  type CheckId,
  type CutEnd,
  type InteropHarness,
  type Place,
  type Seen,
} from './checks.ts';

/** The CLI tells the model at most 10,000 tokens of a command, 40,000 bytes: much output is read in parts. */
const PART_BYTES = 36_000;

/** How this CLI finds the executor: asked before each run, since relay URLs expire. */
export type WayIn = () => Promise<Readonly<Record<string, string>>>;

export class CliHarness implements InteropHarness {
  #runs = 0;

  /** @param canReconnect whether the CLI is known to dial again when it loses its connection */
  constructor(
    private readonly cli: CodexCli,
    private readonly home: string,
    private readonly wayIn: WayIn,
    private readonly canReconnect: boolean,
  ) {}

  async close(): Promise<void> {
    // Each run has ended with its check.
  }

  async run(check: CheckId, place: Place): Promise<Seen> {
    if (check === 'harness-cut') return await this.#cut('harness', place);
    if (check === 'executor-cut') return await this.#cut('executor', place);
    return { verdict: 'pass', evidence: await this.#checks[check](place) };
  }

  readonly #checks: Readonly<Record<Exclude<CheckId, `${CutEnd}-cut`>, (place: Place) => Promise<string>>> = {
    command: async ({ cwd }) => {
      let signalled: number | undefined;
      await this.#codex(cwd, async (model) => {
        const both = await asked(model, 'echo to-stdout; echo to-stderr >&2; exit 3');
        assert.equal(both.exitCode, 3);
        assert.match(both.output, /to-stdout\n/);
        assert.match(both.output, /to-stderr\n/);
        assert.equal((await asked(model, 'pwd')).output.trim(), cwd);
        signalled = (await asked(model, 'kill -9 $$')).exitCode;
        return 'done';
      });
      return `stdout, stderr, exit code 3 and the folder exact; SIGKILL ${String(signalled)}`;
    },
    tty: async ({ cwd }) => {
      await this.#codex(cwd, async (model) => {
        const script = 'printf "name? "; read -r name; echo "hello $name"';
        const [prompt] = await model.call(command(script, { tty: true, yieldMs: 1_000 }));
        assert.match(commandReport(prompt?.text).output, /name\? /);
        const [answer] = await model.call(typed(sessionOf(prompt?.text), 'you\n', 5_000));
        assert.match(commandReport(answer?.text).output, /hello you\r?\n/);
        assert.equal(commandReport(answer?.text).exitCode, 0);
        return 'done';
      });
      return 'prompt, echo and answer';
    },
    output: async ({ cwd }) => {
      const written = randomBytes(OUTPUT_BYTES / 2).toString('hex');
      await writeFile(path.join(cwd, 'much'), written);
      let got = '';
      let tokens = '?';
      let tookMs = 0;
      await this.#codex(cwd, async (model) => {
        const startedAtMs = performance.now();
        const [whole] = await model.call(command('cat much', { maxTokens: 2_000 }));
        tookMs = Math.round(performance.now() - startedAtMs);
        const report = commandReport(whole?.text);
        assert.equal(report.exitCode, 0);
        assert.ok(report.output.trimEnd().endsWith(written.slice(-1_000)), 'the end is missing');
        tokens = /Original token count: (\d+)/.exec(whole?.text ?? '')?.[1] ?? '?';
        for (let from = 0; from < OUTPUT_BYTES; from += PART_BYTES) {
          const part = `tail -c +${String(from + 1)} much | head -c ${String(PART_BYTES)}`;
          got += (await asked(model, part, 20_000)).output;
        }
        return 'done';
      });
      assert.equal(sha256(got), sha256(written), `${String(got.length)} bytes, SHA-256 differs`);
      return `in parts of ${String(PART_BYTES)} bytes, as much as the CLI tells: SHA-256 equal; at once: ${tokens} tokens of 4 bytes counted, the end right, ${String(tookMs)} ms`;
    },
    file: async ({ cwd }) => {
      const at = path.join(cwd, 'new', 'file.txt');
      await this.#codex(cwd, async (model) => {
        for (const patch of [
          '*** Add File: new/file.txt\n+first\n+zweite Zeile ✓\n',
          '*** Update File: new/file.txt\n@@\n-first\n+1st\n zweite Zeile ✓\n',
        ]) {
          const [report] = await model.call({ tool: 'apply_patch', input: `*** Begin Patch\n${patch}*** End Patch` });
          assert.match(report?.text ?? '', /Success\. Updated the following files/, clipped(report?.text ?? ''));
        }
        assert.equal((await asked(model, 'cat new/file.txt')).output, '1st\nzweite Zeile ✓\n');
        return 'done';
      });
      assert.equal(await readFile(at, 'utf8'), '1st\nzweite Zeile ✓\n');
      return 'added in a new folder, read and updated by apply_patch (fs/*)';
    },
  };

  async #cut(end: CutEnd, { cwd, cut, online }: Place): Promise<Seen> {
    let output = '';
    let exitCode: number | undefined;
    let told = '';
    const cutting = untilTicking(cwd).then(() => cut(end));
    cutting.catch(() => undefined);
    await this.#codex(cwd, async (model) => {
      const [first] = await model.call(command(TICKING, { yieldMs: 1_000, maxTokens: 20_000 }));
      let text = first?.text;
      for (let look = 0; look < 12; look++) {
        told = text ?? '';
        if (!/^Process (running|exited)/m.test(told)) break;
        const report = commandReport(text);
        output += report.output;
        ({ exitCode } = report);
        if (report.sessionId === undefined) break;
        const [next] = await model.call(typed(report.sessionId, '', 5_000));
        text = next?.text;
      }
      if (this.canReconnect) assert.match((await asked(model, 'echo again')).output, /^again$/m);
      return 'done';
    });
    await cutting;
    const why = clipped(/exec-server [^"\n\\]*/i.exec(told)?.[0] ?? told, 120);
    if (this.canReconnect) {
      assert.ok(exitCode !== undefined, `the command is lost; told: ${why}`);
      assertAllTicks(output, exitCode);
      return { verdict: 'pass', evidence: `${allTicks}; the next command works too` };
    }
    // The CLI is lost, but the executor must be there for the next one.
    await online();
    await this.#codex(cwd, async (model) => {
      assert.match((await asked(model, 'echo again')).output, /^again$/m);
      return 'done';
    });
    return { verdict: 'n/a', evidence: `this CLI does not dial again: “${why}”; its next run works` };
  }

  async #codex(cwd: string, script: ModelScript): Promise<void> {
    const home = path.join(this.home, `run-${String(++this.#runs)}`);
    const run = await runCodex(this.cli, { script, cwd, home, env: await this.wayIn(), deadlineMs: 90_000 });
    const said = ` [CLI: ${clipped(run.stderr.replaceAll(/^WARNING: proceeding.*$|^Reading additional.*$/gm, ''), 300)}]`;
    if (run.scriptError !== undefined) throw new Error(run.scriptError.message + said, { cause: run.scriptError });
    assert.equal(run.exitCode, 0, `the CLI ended with ${String(run.exitCode ?? run.signal)}${said}`);
  }
}

async function asked(model: Model, script: string, maxTokens?: number): Promise<ReturnType<typeof commandReport>> {
  const [report] = await model.call(command(script, maxTokens === undefined ? {} : { maxTokens }));
  return commandReport(report?.text);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

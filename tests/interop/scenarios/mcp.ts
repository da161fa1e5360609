// MCP servers that the CLI starts, or reaches, on the exec server's side: over a process' pipes, and over http/request.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../../helpers/until.ts';
import type { Model, ToolCall } from '../model-stand-in.ts';
import { clipped, type Scenario, type ScenarioContext } from '../scenario.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/mcp-server.mjs', import.meta.url));

/** The config table of the MCP server `probe`, on the exec server's side; the key for that has changed its name. */
function probeTable(context: ScenarioContext, how: string): string {
  const where = context.isPushed ? 'environment_id' : 'experimental_environment';
  return `[mcp_servers.probe]\n${how}\n${where} = "remote"\nstartup_timeout_sec = 15\nrequired = true\n`;
}

/** The call as the CLI knows it. 0.169 does not list such tools but has them searched for; it takes the call all the same. */
function whereami(model: Model, word: string): ToolCall {
  const listed = model.tools.find((name) => name.includes('probe') && name.endsWith('whereami'));
  const [namespace, tool] = (listed ?? 'mcp__probe.whereami').split('.');
  assert.ok(namespace !== undefined && tool !== undefined, `the tool is offered in an unknown way: ${String(listed)}`);
  return { tool, namespace, args: { word } };
}

const overPipes: Scenario = {
  id: 'mcp-stdio',
  title: 'an MCP server is started on the server’s side and spoken to over its pipes',
  async run(context) {
    const { execPath } = process;
    await context.run(
      async (model) => {
        for (const word of ['first', 'second']) {
          const [report] = await model.call(whereami(model, word));
          const told = report?.text ?? '';
          const parent = new RegExp(`word=${word} parent=(\\d+)`).exec(told)?.[1];
          assert.ok(parent !== undefined, clipped(told));
          assert.ok(context.isOnServer(Number(parent)), 'the MCP server was not started by the exec server');
        }
        return 'done';
      },
      {
        extraTables: probeTable(
          context,
          `command = ${JSON.stringify(execPath)}\nargs = [${JSON.stringify(FIXTURE)}]\ncwd = ${JSON.stringify(context.cwd)}`,
        ),
      },
    );
    const writes = context.tap.requests('process/write').length;
    assert.ok(writes >= 4, `only ${String(writes)} process/write`);
    await until('the MCP server to be gone', () => context.commandsRunning() === 0, { withinMs: 15_000 });
    return `2 calls answered by a child of the server; ${String(writes)} process/write; ended with the run`;
  },
};

const overHttp: Scenario = {
  id: 'mcp-http',
  title: 'an MCP server over HTTP is reached by http/request with streamed bodies',
  async run(context) {
    const child = spawn(process.execPath, [FIXTURE, '--http'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      const url = await until('the URL of the MCP server', () => /^http:\S+$/m.exec(output)?.[0]);
      await context.run(
        async (model) => {
          const [report] = await model.call(whereami(model, 'by-http'));
          assert.match(report?.text ?? '', /word=by-http/, clipped(report?.text ?? 'no report'));
          return 'done';
        },
        { extraTables: probeTable(context, `url = ${JSON.stringify(url)}`) },
      );
    } finally {
      child.kill('SIGKILL');
    }
    const requests = context.tap.requests('http/request').length;
    assert.ok(requests >= 3, `only ${String(requests)} http/request`);
    const deltas = context.tap.messages.filter(({ message }) => message.method === 'http/request/bodyDelta').length;
    return `${String(requests)} http/request, ${String(deltas)} bodyDelta`;
  },
};

export const mcpScenarios: readonly Scenario[] = [overPipes, overHttp];

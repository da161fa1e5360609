// `npm run check:pack`: packs the built program, installs the tarball into an empty folder as a user would, and runs it
// from there. Fails when a file or a dependency is missing from the package, or when something is in it that should not be.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, staleTargets } from './lib/build.js';

/** Everything that the tarball may hold. */
const shipped =
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/exec-workbench\.js|dist\/part-\w+\.js|dist\/licenses\.md|dist\/(web|client|proto)\/.+)$/;
const startTimeoutMs = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'exec-workbench-pack-'));
// npm hands its own settings to scripts as npm_*; the commands below must behave as typed into a terminal.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

/**
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 * @returns {string} stdout
 */
function run(cwd, command, ...args) {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The installed client library in a program of a user's: checked by the compiler, then run. */
const consumer = `
import { connectInProcess, createExecServer, EnvironmentManager, LocalError, processRead } from 'exec-workbench/client';

const server = await createExecServer();
const client = await connectInProcess(server);
const handle = await client.exec({ argv: ['sh', '-c', 'cat; exit 3'], tty: false, stdin: 'open' });
await handle.write('typed\\n');
await handle.closeStdin();
let text: string = '';
for await (const { bytes } of handle.output) text += new TextDecoder().decode(bytes);
const exitCode: number = await handle.exited;
const { nextSeq } = await client.call(processRead, { processId: handle.processId });
// @ts-expect-error types are there, and not \`any\`
const wrong: string = nextSeq;
void wrong;
const answer: Response = await client.http.fetch('http://127.0.0.1:1').catch(() => new Response('refused'));
if (!(new LocalError('closed', 'x') instanceof Error) || EnvironmentManager.fromEnv({ CODEX_HOME: '/nowhere' }).list.length !== 1)
  throw new Error('exports');
console.log(JSON.stringify({ text, exitCode, body: await answer.text() }));
client.close();
await server.close();
`;

/** @throws Error when the library cannot be used from TypeScript, from Node or in a bundle for browsers. */
async function checkClient() {
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const settings = ['--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext'];
  writeFileSync(join(folder, 'consumer.mts'), consumer);
  run(folder, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), ...settings, ...types, 'consumer.mts');
  const printed = run(folder, process.execPath, 'consumer.mjs').trim();
  const expected = '{"text":"typed\\n","exitCode":3,"body":"refused"}';
  if (printed !== expected) throw new Error(`the client library printed ${printed}, not ${expected}`);

  const { build } = await import('esbuild');
  const contents = `import { connectRelay, connectWebSocket } from 'exec-workbench/client'; console.log(connectRelay, connectWebSocket);`;
  // A module of Node that is left in it cannot be resolved for browsers.
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'esm',
    logLevel: 'silent',
  });
  return `client library: works from TypeScript in Node, ${outputFiles[0]?.contents.length} bytes in a bundle for browsers`;
}

/** Starts the installed exec server on a free port and waits for its URL. */
async function startsListening() {
  const program = join(folder, 'node_modules/.bin/exec-workbench');
  const server = spawn(program, ['exec-server', '--listen', 'ws://127.0.0.1:0'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(server, 'exit');
  let printed = '';
  const url = new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`exec-server printed no URL within ${startTimeoutMs} ms:\n${printed}`));
    }, startTimeoutMs);
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (bytes) => {
        printed += String(bytes);
        const found = /ws:\/\/127\.0\.0\.1:[1-9]\d*/.exec(printed);
        if (found) {
          clearTimeout(timer);
          resolve(found[0]);
        }
      });
    }
    void exited.then(([code]) => {
      clearTimeout(timer);
      reject(new Error(`exec-server ended with ${code}:\n${printed}`));
    });
  });
  try {
    return await url;
  } finally {
    server.kill('SIGTERM');
    await exited;
  }
}

try {
  if (staleTargets().length > 0) run(root, process.execPath, 'scripts/build.js', '--if-stale');
  const [packed] = JSON.parse(run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder));
  /** @type {string[]} */
  const files = packed.files.map((/** @type {{ path: string }} */ file) => file.path);
  const unexpected = files.filter((path) => !shipped.test(path));
  if (unexpected.length > 0) throw new Error(`the package holds what it should not: ${unexpected.join(', ')}`);
  for (const path of [
    'LICENSE',
    'dist/exec-workbench.js',
    'dist/licenses.md',
    'dist/web/index.html',
    'dist/web/licenses.md',
    'dist/client/licenses.md',
    'dist/proto/codex/exec_server/relay/v1/relay.proto',
  ]) {
    if (!files.includes(path)) throw new Error(`the package lacks ${path}`);
  }

  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  run(
    folder,
    'npm',
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--silent',
    join(folder, packed.filename),
  );
  const help = run(folder, 'npx', '--no-install', 'exec-workbench', '--help');
  if (!help.includes('exec-server')) throw new Error(`exec-workbench --help does not name exec-server:\n${help}`);
  console.log(
    `${packed.filename}: ${files.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`,
  );
  console.log(await checkClient());
  console.log(`installed, --help works, exec-server listened on ${await startsListening()}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

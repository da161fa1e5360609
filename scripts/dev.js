// `npm run dev`: the backend from its sources, restarted when they change, and the page from Vite with hot reload. The page
// reaches the backend through Vite's proxy, so that everything is behind one URL. Arguments go to `serve`.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer } from 'vite';
import { root } from './lib/build.js';

/** What the backend answers; all the rest is the page's. */
const backendPaths = '^/(exec|relay|cloud|api|healthz|readyz|metrics|schema|openapi\\.json)(/|\\?|$)';

const token = process.env['EXEC_WORKBENCH_TOKEN'] ?? randomBytes(24).toString('base64url');
const backendUrl = `http://127.0.0.1:${await freePort()}`;

const backend = spawn(
  join(root, 'node_modules/.bin/tsx'),
  [
    ...['watch', '--clear-screen=false', join(root, 'backend/main.ts')],
    ...['serve', '--port', new URL(backendUrl).port, ...process.argv.slice(2)],
  ],
  { env: { ...process.env, EXEC_WORKBENCH_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
);
// All that it prints but the URL of the built page, which is not the one to open now.
createInterface(backend.stdout).on('line', (line) => {
  if (!/^ *open /.test(line)) console.log(line);
});

const page = await createServer({
  root: join(root, 'web'),
  configFile: join(root, 'web/vite.config.ts'),
  plugins: [{ name: 'exec-workbench:sign-in', configureServer: ({ middlewares }) => void middlewares.use(signIn) }],
  server: {
    host: '127.0.0.1',
    proxy: {
      [backendPaths]: {
        target: backendUrl,
        ws: true,
        changeOrigin: true,
        // The backend admits only its own origin. That check is made here instead, before the header is replaced.
        headers: { origin: backendUrl },
        bypass: (req) => (isOwnOrigin(req) ? undefined : false),
      },
    },
  },
});

/** @param {import('node:http').IncomingMessage} req */
function isOwnOrigin(req) {
  return req.headers.origin === undefined || req.headers.origin === `http://${req.headers.host}`;
}

/**
 * `/?token=…` gives the page the same cookie as the built page gets: asks the backend and passes on what it sets.
 * @type {import('vite').Connect.NextHandleFunction}
 */
function signIn(req, res, next) {
  if (!req.url?.startsWith('/?')) {
    next();
    return;
  }
  fetch(`${backendUrl}${req.url}`, { redirect: 'manual' }).then((answer) => {
    for (const cookie of answer.headers.getSetCookie()) res.appendHeader('set-cookie', cookie);
    const location = answer.headers.get('location');
    if (location) res.writeHead(answer.status, { location }).end();
    else next();
  }, next);
}

/** @returns {Promise<number>} a port of 127.0.0.1 that is free now */
async function freePort() {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had on 127.0.0.1');
  return address.port;
}

async function waitForBackend() {
  while (backend.exitCode === null) {
    const answer = await fetch(`${backendUrl}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

let isEnding = false;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    isEnding = true;
    backend.kill('SIGTERM');
  });
}
backend.once('exit', (code) => {
  void page.close().finally(() => process.exit(isEnding ? 0 : (code ?? 1)));
});

await page.listen();
await waitForBackend();
console.log(`\n  development: http://127.0.0.1:${page.config.server.port}/?token=${encodeURIComponent(token)}\n`);

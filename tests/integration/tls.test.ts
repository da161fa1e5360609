// --tls-cert and --tls-key: https:// and wss://, with a certificate that can be changed while the server runs.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startServer, type RunningServer } from '../helpers/server.ts';
import { until } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'tls-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/tls/${name}.pem`, import.meta.url));
const ca = [readFileSync(fixture('one.cert')), readFileSync(fixture('two.cert'))];
const certPath = join(folder, 'cert.pem');
const keyPath = join(folder, 'key.pem');

function install(name: 'one' | 'two'): void {
  copyFileSync(fixture(`${name}.cert`), certPath);
  copyFileSync(fixture(`${name}.key`), keyPath);
}

interface Answer {
  readonly status: number;
  readonly certificate: string;
}

/** A request on a connection of its own. */
function get(server: RunningServer, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${String(server.port)}${path}`;
    const sent = request(url, { ca, agent: false, headers }, (response) => {
      const certificate =
        response.socket instanceof TLSSocket ? response.socket.getPeerCertificate().subject.CN : 'none';
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, certificate: String(certificate) }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe.each(['serve', 'exec-server'] as const)('%s with TLS', (command) => {
  beforeAll(() => install('one'));

  it('prints secure URLs and serves them; a changed certificate is taken, and open connections live on', async () => {
    const server = await startServer({
      command,
      args: ['--tls-cert', certPath, '--tls-key', keyPath],
      allowedStderr: /.*a changed file was not taken.*/g,
    });
    expect(server.url).toMatch(/^wss:\/\//);
    expect(await get(server, '/readyz')).toEqual({ status: 200, certificate: 'test one' });

    const socket = new WebSocket(server.url, { ca });
    const answers: string[] = [];
    socket.on('message', (data: Buffer) => answers.push(data.toString()));
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    socket.send('{"id":1,"method":"initialize","params":{"clientName":"tls"}}');
    await until('initialize to be answered', () => answers.length === 1);

    install('two');
    await until('the new certificate', async () => (await get(server, '/readyz')).certificate === 'test two', {
      withinMs: 10_000,
    });
    socket.send('{"id":2,"method":"initialize","params":{"clientName":"tls"}}');
    await until('the open connection to be answered', () => answers.length === 2);
    socket.terminate();
  });
});

it('the page of serve comes from https:// then, and http:// is foreign', async () => {
  install('one');
  const server = await startServer({ command: 'serve', args: ['--tls-cert', certPath, '--tls-key', keyPath] });
  const host = `127.0.0.1:${String(server.port)}`;
  expect(await get(server, '/healthz', { origin: `https://${host}` })).toMatchObject({ status: 200 });
  expect(await get(server, '/healthz', { origin: `http://${host}` })).toMatchObject({ status: 403 });
});

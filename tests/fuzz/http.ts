// The HTTP API and its URLs: damaged requests and upgrades over bare TCP, with and without the token, on every path there is.
import { askWayIn } from '../../shared/client/registry-api.ts';
import { OwnProgram } from '../helpers/own-program.ts';
import { RawSocket } from '../helpers/raw-socket.ts';
import { within } from '../helpers/until.ts';
import type { Random } from '../simulation/random.ts';
import { mutate } from './mutate.ts';
import type { FuzzSuite } from './suite.ts';

/** Stand in the inputs for what differs from server to server, so that inputs can be sent to another one. */
const TOKEN = 'TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT';
const PORT = '65432';
const RELAY_QUERY = 'RELAYQUERY';

const keys = '"executor_public_key":{"suite":"x","x25519_public_key":"AAAA","mlkem768_public_key":"AAAA"}';
const paths: readonly [string, ...string[]] = [
  '/',
  ...['/exec', '/healthz', '/readyz', '/metrics', '/openapi.json', '/schema/exec-server.json', '/favicon.svg'],
  ...['/assets/x.js', '/assets/..%2f..%2fpackage.json', '/cloud/executor', '/cloud/environment/e/register'],
  ...['/cloud/executor/e/register?name=n', '/cloud/executor/e/connect?peer=p', '/cloud/executor/e/validate'],
  ...['/cloud/executor/%2e%2e/connect', '/api/relay', '/api/relay/executors/e/streams', '/api/bridge', '/api/none'],
  ...['/api/relay/executors/e/events?every_ms=100', '/api/relay/executors/e/impairment', '/api/relay/executors/e/cut'],
  ...[`/relay/e?${RELAY_QUERY}`, '/relay/e?role=harness&exp=9999999999999&sig=AAAA', '/relay/%', '//', '*', '/?token='],
];
const verbs: readonly [string, ...string[]] = ['GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'CONNECT'];
const bodies: readonly [string, ...string[]] = [
  '',
  ...['{}', '[]', 'x', '{"seed":"1","toExecutor":{"drop":0.5}}', '{"seed":1,"toHarness":{"delayMs":1e9}}'],
  ...[`{"security_profile":"noise_hybrid_ik_v1",${keys}}`, '{"whose":"executor"}', `{"a":"${'x'.repeat(20_000)}"}`],
];
const hosts: readonly [string, ...string[]] = [`127.0.0.1:${PORT}`, `localhost:${PORT}`, 'example.test', '[', ''];
const origins: readonly [string, ...string[]] = [`http://127.0.0.1:${PORT}`, 'null', 'http://example.test', '%', ''];

/** Connections at a time. */
const LANES = 16;
const ANSWER_MS = 20_000;

function request(random: Random): string {
  const path = random.pick(paths);
  const body = random.pick(bodies);
  const headers = [`Host: ${random.chance(0.9) ? (hosts[0] ?? '') : random.pick(hosts)}`];
  if (random.chance(0.6)) headers.push(`Authorization: Bearer ${TOKEN}`);
  if (random.chance(0.1)) headers.push(`Cookie: exec_workbench=${TOKEN}; =; a`);
  if (random.chance(0.2)) headers.push(`Origin: ${random.pick(origins)}`);
  const isUpgrade = random.chance(0.3);
  if (isUpgrade) {
    headers.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
    headers.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==');
  } else if (body !== '') {
    headers.push('Content-Type: application/json', `Content-Length: ${String(body.length)}`);
  }
  const query = random.chance(0.2) ? `${path.includes('?') ? '&' : '?'}token=${TOKEN}` : '';
  const verb = isUpgrade ? 'GET' : random.pick(verbs);
  return `${verb} ${path}${query} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${isUpgrade ? '' : body}`;
}

export const http: FuzzSuite = {
  name: 'HTTP and URLs',
  share: 0.05,
  batch: 250,
  generate: (random, count) =>
    Array.from({ length: count }, () => {
      const whole = Buffer.from(request(random));
      return random.chance(0.75) ? mutate(whole, random) : whole;
    }),
  async start() {
    // Wrong tokens in this number are what it is for, and are not to be told from others by 429.
    const program = await OwnProgram.listen('serve', ['--max-auth-failures', '0', '--relay-grace-ms', '500']);
    const signed = await askWayIn({ registry: program.httpUrl, token: program.token }, 'e').catch(() => 'ws://x/?none');
    const relayQuery = new URL(signed).search.slice(1);
    const fill = (input: Uint8Array): Buffer =>
      Buffer.from(
        Buffer.from(input)
          .toString('latin1')
          .replaceAll(TOKEN, program.token)
          .replaceAll(PORT, String(program.port))
          .replaceAll(RELAY_QUERY, relayQuery),
        'latin1',
      );
    return {
      programs: [program],
      async send(inputs) {
        const left = [...inputs];
        const lane = async (): Promise<void> => {
          for (let input = left.pop(); input; input = left.pop()) await sendOne(program.port, fill(input));
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        const health = await within('/healthz to answer', ANSWER_MS, fetch(`${program.httpUrl}/healthz`));
        if (health.status !== 200) throw new Error(`/healthz answered ${String(health.status)}`);
      },
      stop: () => program.stop(),
    };
  },
};

/** Each is answered, or its connection ended, once the sender has said that there is no more. */
async function sendOne(port: number, bytes: Buffer): Promise<void> {
  const socket = await RawSocket.connect(port);
  socket.send(bytes);
  socket.finish();
  await socket.waitUntil(
    `an answer to ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`,
    (received) => received.length > 0,
    ANSWER_MS,
  );
  socket.destroy();
}

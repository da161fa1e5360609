// OpenTelemetry: spans that continue the harness's trace, and metrics, sent by OTLP to a collector of the test's own.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../helpers/server.ts';
import { until } from '../helpers/until.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

let collector: Server;
const bodies: { path: string; json: Record<string, unknown> }[] = [];
beforeAll(async () => {
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const json = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      bodies.push({ path: request.url ?? '', json });
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  collector.closeAllConnections();
  collector.close();
});

const spans = () =>
  bodies
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ json }) => json['resourceSpans'] as { scopeSpans: { spans: Span[] }[] }[])
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans: found }) => found);

it('sends a span for each request and process, below the span of the harness, and what waits at the end', async () => {
  const { port } = collector.address() as AddressInfo;
  const server = await startServer({
    env: {
      HOME: '/',
      PATH: '/usr/bin:/bin',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(port)}`,
      OTEL_SERVICE_NAME: 'box',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
    },
  });
  const client = await server.connect();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const parent = 'b7ad6b7169203331';
  await client.request(
    'process/start',
    { processId: 'p', argv: ['false'], cwd: '/', env: client.env(), tty: false },
    { trace: { traceparent: `00-${traceId}-${parent}-01` } },
  );
  await client.waitFor('the end of the process', ({ method }) => method === 'process/closed');
  await client.request('fs/readFile', { path: '/none' });
  await client.request('no/such', {});
  await until('metrics', () => bodies.some(({ path }) => path === '/v1/metrics'), { withinMs: 10_000 });
  await server.stop();

  const start = spans().find(({ name }) => name === 'process/start');
  expect(start).toMatchObject({ traceId, parentSpanId: parent });
  const process = spans().find(({ name }) => name === 'process');
  expect(process).toMatchObject({ traceId, parentSpanId: start?.spanId, status: { code: 2 } });
  expect(process?.attributes).toContainEqual({ key: 'process.exit.code', value: { intValue: 1 } });
  expect(spans().find(({ name }) => name === 'fs/readFile')?.status).toMatchObject({ code: 2 });
  expect(spans().map(({ name }) => name)).toContain('unknown');
  const text = JSON.stringify(bodies);
  expect(text).toContain('"service.name"');
  expect(text).toContain('"box"');
  expect(text).toContain('rpc.server.duration');
});

it('that cannot be sent harms nothing', async () => {
  const server = await startServer({
    env: { HOME: '/', PATH: '/usr/bin:/bin', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' },
  });
  const client = await server.connect();
  expect((await client.run(['true'])).exitCode).toBe(0);
  await client.carrier.close();
  expect((await server.stop()).code).toBe(0);
});

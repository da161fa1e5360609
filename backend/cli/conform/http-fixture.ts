// The HTTP server that executors fetch from in conformance cases and in tests (docs/conformance.md, "HTTP fixture"): the
// answers that the golden sessions were recorded against. Each answer says `Connection: close` first and has no Date.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface HttpFixture {
  /** Without a trailing slash. */
  readonly url: string;
  /** Requests so far, as `METHOD /path`. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function respond(
  response: ServerResponse,
  status: number,
  headers: [string, string][],
  body: string | Buffer = '',
): void {
  response.writeHead(status, [['Connection', 'close'], ...headers].flat());
  response.end(body);
}

function lengthOf(body: string | Buffer): [string, string] {
  return ['content-length', String(Buffer.byteLength(body))];
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const values = request.rawHeaders.filter(
      (_value, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'x-test',
    );
    const bodyBase64 = Buffer.concat(parts).toString('base64');
    const body = JSON.stringify({ method: request.method, xTest: values, bodyBase64 });
    respond(response, 200, [lengthOf(body)], body);
  });
}

const handlers: Record<string, Handler> = {
  '/text': (_request, response) => {
    const headers: [string, string][] = [
      ['content-type', 'text/plain'],
      ['x-fixture', '1'],
      ['x-many', 'a'],
      ['x-many', 'b'],
    ];
    respond(response, 200, [...headers, ['content-length', '5']], 'hello');
  },
  '/echo': echo,
  '/redirect': (_request, response) => {
    respond(response, 302, [
      ['location', '/text'],
      ['content-length', '0'],
    ]);
  },
  '/loop': (_request, response) => {
    respond(response, 302, [
      ['location', '/loop'],
      ['content-length', '0'],
    ]);
  },
  '/gzip': (_request, response) => {
    const body = gzipSync('hello');
    respond(response, 200, [['content-encoding', 'gzip'], lengthOf(body)], body);
  },
  '/stream': (_request, response) => {
    response.writeHead(200, ['Connection', 'close']);
    response.write('a');
    setTimeout(() => response.write('b'), 150);
    setTimeout(() => response.end('c'), 300);
  },
  '/abort': (_request, response) => {
    response.writeHead(200, ['Connection', 'close', 'content-length', '100']);
    response.write('partial');
    setTimeout(() => response.destroy(), 150);
  },
  '/status/500': (_request, response) => {
    respond(response, 500, [['content-length', '4']], 'boom');
  },
  '/empty': (_request, response) => {
    respond(response, 204, []);
  },
  '/binary': (_request, response) => {
    respond(response, 200, [['content-length', '5']], Buffer.from([0, 255, 254, 10, 0]));
  },
  '/slow': (_request, response) => {
    setTimeout(() => {
      respond(response, 200, [['content-length', '4']], 'late');
    }, 2_000).unref();
  },
};

/** Starts the fixture on a free port of loopback. `more` adds paths of a test's own. */
export async function startHttpFixture(more: Record<string, Handler> = {}): Promise<HttpFixture> {
  const requests: string[] = [];
  const all: Record<string, Handler> = { ...handlers, ...more };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push(`${request.method ?? ''} ${path}`);
    response.sendDate = false;
    const handler = all[path];
    if (handler) handler(request, response);
    else respond(response, 404, [['content-length', '0']]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

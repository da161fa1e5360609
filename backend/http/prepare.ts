// http/request: judges what the harness asks for before anything is sent (docs/protocol.md, "HTTP requests").

import type { ParamsOf } from '../../shared/protocol/declare.ts';
import type { httpRequest } from '../../shared/protocol/http.ts';
import { tryBase64Decode } from '../../shared/bytes.ts';
import { RpcCode, RpcError } from '../../shared/errors.ts';

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

export interface PreparedRequest {
  /** As the harness wrote it: `get` stays lower case. */
  readonly method: string;
  /** http or https. */
  readonly url: URL;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array | undefined;
}

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 section 5.5, and what is no ASCII goes out as UTF-8. */
// eslint-disable-next-line no-control-regex -- the control characters are what it refuses
const forbiddenInValue = /[\0-\x08\x0a-\x1f\x7f]/;

/** @throws RpcError -32602 in the peers' words. */
export function prepareRequest(params: ParamsOf<typeof httpRequest>): PreparedRequest {
  const { method, headers } = params;
  if (!token.test(method)) throw invalid('http/request method is invalid: invalid HTTP method');
  const url = tryUrl(params.url);
  if (!url) {
    const reason = /^[a-z][a-z0-9+.-]*:/i.test(params.url) ? 'not an absolute URL' : 'relative URL without a base';
    throw invalid(`http/request url is invalid: ${reason}`);
  }
  if (!isHttp(url)) {
    throw invalid(`http/request only supports http and https URLs, got ${url.protocol.slice(0, -1)}`);
  }
  for (const { name, value } of headers) {
    if (!token.test(name)) throw invalid('http/request header name is invalid: invalid HTTP header name');
    if (forbiddenInValue.test(value)) {
      throw invalid(`http/request header value is invalid for ${name}: failed to parse header value`);
    }
  }
  const body = params.bodyBase64 == null ? undefined : tryBase64Decode(params.bodyBase64);
  if (params.bodyBase64 != null && !body) throw invalid('params.bodyBase64: not standard base64 with padding');
  return { method, url, headers, body };
}

/** (URL.parse is not there before Node 22.) */
export function tryUrl(text: string, base?: URL): URL | undefined {
  return URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
}

export function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.invalidParams, message);
}

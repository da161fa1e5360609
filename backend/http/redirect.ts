// What follows a redirect: the rules of the peers' HTTP library (reqwest), which are those of RFC 9110 section 15.4 as browsers
// apply them.

import { isHttp, tryUrl, type PreparedRequest } from './prepare.ts';

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Meant for the host that they were given for. */
const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'cookie2', 'proxy-authorization']);
const bodyHeaders: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language']);

/**
 * 301, 302 and 303 become GET without a body (GET and HEAD stay), 307 and 308 repeat the request.
 * @returns undefined when the response is the answer: no redirect, or one that leads nowhere.
 * @throws Error when it leads to another scheme.
 */
export function tryRedirect(
  request: PreparedRequest,
  status: number,
  location: string | undefined,
): PreparedRequest | undefined {
  if (!redirectStatuses.has(status) || location === undefined) return undefined;
  const url = tryUrl(location, request.url);
  if (!url) return undefined;
  if (!isHttp(url)) throw new Error(`redirect to the scheme ${url.protocol.slice(0, -1)}, which is not followed`);
  const keepsBody = status === 307 || status === 308;
  const keepsMethod = keepsBody || request.method === 'GET' || request.method === 'HEAD';
  // The port is part of it: another server may listen there.
  const isSameHost = url.host === request.url.host && url.protocol === request.url.protocol;
  const headers = request.headers.filter(({ name }) => {
    const lowerName = name.toLowerCase();
    // The next host has a name of its own.
    if (lowerName === 'host') return isSameHost;
    return (isSameHost || !secretHeaders.has(lowerName)) && (keepsBody || !bodyHeaders.has(lowerName));
  });
  return {
    method: keepsMethod ? request.method : 'GET',
    url,
    headers,
    body: keepsBody ? request.body : undefined,
  };
}

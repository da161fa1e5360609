// An HTTP request as it is edited and kept, what is wrong with it, and what of it goes onto the wire.

import * as z from 'zod';

const headerSchema = z.object({ name: z.string().max(10_000), value: z.string().max(100_000) });

export const requestSchema = z.object({
  method: z.string().max(100),
  url: z.string().max(100_000),
  headers: z.array(headerSchema).max(1000),
  bodyKind: z.enum(['none', 'text', 'json', 'file']),
  bodyText: z.string(),
  /** Of `file`: its name only, a page cannot keep the file itself. */
  fileName: z.string(),
  followsRedirects: z.boolean(),
});
export type HttpDraft = z.infer<typeof requestSchema>;
export type Header = z.infer<typeof headerSchema>;

export const plainRequest: HttpDraft = {
  method: 'GET',
  url: '',
  headers: [],
  bodyKind: 'none',
  bodyText: '',
  fileName: '',
  followsRedirects: true,
};

export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** RFC 9110, section 5.6.2: a method, or the name of a header. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What the wire gets. */
export interface PreparedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly Header[];
  /** Undefined: none. */
  readonly body: string | File | undefined;
}

/** @param file what was chosen for a body of kind `file` */
export function prepareRequest(
  draft: HttpDraft,
  file: File | undefined,
): PreparedRequest | { readonly problem: string } {
  const method = draft.method.trim();
  if (!token.test(method)) return { problem: `“${method}” is no HTTP method` };
  const written = draft.url.trim();
  if (written === '') return { problem: 'write an address first, e.g. http://127.0.0.1:8080/' };
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
  if (!URL.canParse(url)) return { problem: `“${written}” is no address` };
  if (!/^https?:/i.test(url)) return { problem: 'only http:// and https:// can be requested' };
  // A row without a name is one that was not filled in.
  const headers = draft.headers.filter(({ name }) => name.trim() !== '');
  for (const { name, value } of headers) {
    if (!token.test(name.trim())) return { problem: `“${name}” is no name of a header` };
    if (/[\r\n\0]/.test(value)) return { problem: `the value of ${name} must be one line` };
  }
  const named = headers.map(({ name, value }) => ({ name: name.trim(), value }));
  if (draft.bodyKind === 'none') return { method, url, headers: named, body: undefined };
  const body = draft.bodyKind === 'file' ? file : draft.bodyText;
  if (body === undefined) return { problem: 'choose the file that is to be the body' };
  const hasType = named.some(({ name }) => name.toLowerCase() === 'content-type');
  const type = hasType ? [] : [{ name: 'content-type', value: typeOf(draft, file) }];
  return { method, url, headers: [...named, ...type], body };
}

function typeOf({ bodyKind }: HttpDraft, file: File | undefined): string {
  if (bodyKind === 'json') return 'application/json';
  if (bodyKind === 'text') return 'text/plain; charset=utf-8';
  return file?.type === undefined || file.type === '' ? 'application/octet-stream' : file.type;
}

/** The same by curl, for a POSIX shell. */
export function curlCommand({ method, url, headers, body }: PreparedRequest, followsRedirects: boolean): string {
  const words = ['curl', '--include'];
  if (followsRedirects) words.push('--location');
  if (method === 'HEAD') words.push('--head');
  else if (method !== (body === undefined ? 'GET' : 'POST')) words.push('--request', quote(method));
  // curl leaves out a header whose value is empty, unless it ends by a semicolon.
  for (const { name, value } of headers) {
    words.push('--header', quote(value === '' ? `${name};` : `${name}: ${value}`));
  }
  if (typeof body === 'string') words.push('--data-raw', quote(body));
  else if (body) words.push('--data-binary', quote(`@${body.name}`));
  words.push(quote(url));
  return words.join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Values of such headers are not kept in the browser. */
const secretHeader = /AUTH|COOKIE|KEY|SECRET|TOKEN|PASSW|CREDENTIAL/i;

/** @returns whether values were taken out, too */
export function withoutSecrets(draft: HttpDraft): { readonly draft: HttpDraft; readonly hadSecrets: boolean } {
  const isSecret = ({ name, value }: Header) => secretHeader.test(name) && value !== '';
  const headers = draft.headers.map((header) => (isSecret(header) ? { ...header, value: '' } : header));
  return { draft: { ...draft, headers }, hadSecrets: draft.headers.some(isSecret) };
}

// Tells a relay's URLs from an exec server's without loading the relay: a page loads that only when it is needed.

/** Whether frames are spoken there: the query holds exactly `role=harness` (docs/protocol.md §11.6). */
export function isRelayUrl(url: string): boolean {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? '';
  return query.split('&').includes('role=harness');
}

// The feeds of the executors that were looked at last: whoever comes back to the view finds the course of what happened.

import { LiveFeed } from './live-feed.svelte.ts';

const maxFeeds = 8;
const feeds = new Map<string, LiveFeed>();

export function feedOf(executorId: string): LiveFeed {
  const feed = feeds.get(executorId) ?? new LiveFeed(executorId);
  feeds.delete(executorId);
  feeds.set(executorId, feed);
  for (const oldest of feeds.keys()) if (feeds.size > maxFeeds) feeds.delete(oldest);
  return feed;
}

// All fuzzing suites.
import { http } from './http.ts';
import { jsonRpc } from './json-rpc.ts';
import { relay } from './relay.ts';
import { stdio } from './stdio.ts';
import type { FuzzSuite } from './suite.ts';

export const suites: readonly FuzzSuite[] = [jsonRpc, stdio, relay, http];

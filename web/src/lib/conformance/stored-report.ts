// The last report, kept in this tab so that it survives a reload. What comes back is checked like any input.

import * as z from 'zod';
import type { CaseResult, Report } from '../../../../shared/conformance/run.ts';
import { readStored, tabArea, writeStored } from '../storage.ts';

const resultSchema = z.object({
  id: z.string(),
  title: z.string(),
  level: z.enum(['must', 'should', 'extension']),
  source: z.string(),
  status: z.enum(['pass', 'fail', 'skip']),
  durationMs: z.number(),
  reason: z.string().exactOptional(),
  expected: z.string().exactOptional(),
  got: z.string().exactOptional(),
  transcript: z
    .array(
      z.object({
        atMs: z.number(),
        connection: z.string(),
        what: z.enum(['opened', 'sent', 'received', 'closed']),
        text: z.string(),
      }),
    )
    .exactOptional(),
  transcriptDropped: z.number().exactOptional(),
});

const reportSchema = z.object({
  target: z.string(),
  dialect: z.enum(['0.131', '0.169']),
  serverVersion: z.string(),
  startedAt: z.string(),
  durationMs: z.number(),
  results: z.array(resultSchema),
});

const key = 'conformance';
/** Beyond so many characters of conversations the further ones are not kept: a tab has room for some millions. */
const maxTranscriptLength = 1_500_000;

export function readReport(): Report | undefined {
  return readStored(tabArea, key, reportSchema);
}

export function storeReport(report: Report): void {
  let length = 0;
  const results = report.results.map((result): CaseResult => {
    length += (result.transcript ?? []).reduce((sum, { text }) => sum + text.length + 60, 0);
    if (length <= maxTranscriptLength) return result;
    const { transcript: _, ...rest } = result;
    return rest;
  });
  writeStored(tabArea, key, { ...report, results });
}

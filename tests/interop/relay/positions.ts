// Who stands where: each position is a rendezvous, an executor and a harness, and what is to be expected of them.
import path from 'node:path';
import type { CodexCli, CodexVersion } from '../codex-cli.ts';
import type { InteropHarness } from './checks.ts';
import { CliHarness } from './cli-harness.ts';
import { OwnHarness } from './own-harness.ts';
import { askHarnessUrl, type InteropRendezvous, type RendezvousKind } from './rendezvous.ts';

/** Ours, or the genuine one of that version. */
export type Peer = 'ours' | CodexVersion;

export interface Position {
  /** For `--only`; kebab-case. */
  readonly id: string;
  readonly rendezvous: RendezvousKind;
  readonly executor: Peer;
  readonly harness: Peer;
  /** Whether the rendezvous could read what passes. */
  readonly frames: 'plain' | 'Noise';
}

export const POSITIONS: readonly Position[] = [
  { id: 'own-harness-131', rendezvous: 'ours', executor: '0.131.0', harness: 'ours', frames: 'plain' },
  { id: 'cli-131', rendezvous: 'ours', executor: 'ours', harness: '0.131.0', frames: 'plain' },
  { id: 'cli-169', rendezvous: 'ours', executor: 'ours', harness: '0.169.0', frames: 'plain' },
  { id: 'codex-131', rendezvous: 'ours', executor: '0.131.0', harness: '0.131.0', frames: 'plain' },
  { id: 'codex-169', rendezvous: 'ours', executor: '0.169.0', harness: '0.169.0', frames: 'Noise' },
  { id: 'codex-169-two-nodes', rendezvous: 'two nodes', executor: '0.169.0', harness: '0.169.0', frames: 'Noise' },
  { id: 'own-pair-elsewhere', rendezvous: 'stand-in', executor: 'ours', harness: 'ours', frames: 'plain' },
  { id: 'codex-131-elsewhere', rendezvous: 'stand-in', executor: '0.131.0', harness: '0.131.0', frames: 'plain' },
];

/** @param clis the genuine programs by version */
export async function openHarness(
  { harness, frames }: Position,
  clis: ReadonlyMap<CodexVersion, CodexCli>,
  { tappedUrl, token }: InteropRendezvous,
  executorId: string,
  home: string,
): Promise<InteropHarness> {
  if (harness === 'ours') return await OwnHarness.connect(tappedUrl, token, executorId);
  const noise = {
    CODEX_EXEC_SERVER_NOISE_REGISTRY_URL: tappedUrl,
    CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID: executorId,
    CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN: token,
  };
  const wayIn = async (): Promise<Record<string, string>> =>
    frames === 'Noise' ? noise : { CODEX_EXEC_SERVER_URL: await askHarnessUrl(tappedUrl, token, executorId) };
  const cli = clis.get(harness);
  if (!cli) throw new Error(`Codex ${harness} was not asked for`);
  return new CliHarness(cli, path.join(home, 'cli'), wayIn, harness === '0.169.0');
}

/** Text that the check `command` has on the wire: whoever reads frames reads it. */
export const MARKER = 'to-stdout';

// environment/* and environmentConfig/read: what newer harnesses ask about the machine.

import { homedir, hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { statSync } from 'node:fs';
import * as declared from '../../../shared/protocol/environment.ts';
import type { ResultOf } from '../../../shared/protocol/declare.ts';
import { formatPath, parsePath } from '../../../shared/protocol/path.ts';
import { sandboxReport } from '../../sandbox/bubblewrap.ts';
import { route, type Route } from '../handler.ts';

export interface EnvironmentOptions {
  readonly version: string;
}

/** The names of 0.169; true is what this server has. */
const capabilities = {
  capabilityDiscoverySandbox: false,
  capabilityDiscoveryV2: false,
  credentialMasking: false,
  credentialMaskingCustomProviders: false,
  environmentConfigRead: true,
  fileWriteStreaming: true,
  fsWatchMissing: true,
  httpHeaderEnvVars: false,
  linuxApprovedRootWritePreservesRestrictions: false,
  linuxRootWritePreservesDevices: false,
  networkProxyLaunch: false,
  networkProxyReviewDomains: false,
  sandboxedFileStreaming: false,
  shellSnapshotV2: false,
  windowsMxc: false,
} as const;

/** Paths are file: URIs, but for `shell.path` (docs/protocol.md, "Environment"): only harnesses that speak URIs know this object. */
export function environmentInfo({ version }: EnvironmentOptions): ResultOf<typeof declared.environmentInfo> {
  const shellPath = userShell();
  return {
    shell: { name: basename(shellPath), path: shellPath },
    executorVersion: version,
    providerId: null,
    cwd: formatPath(process.cwd(), 'uri'),
    userHomeDir: formatPath(homedir(), 'uri'),
    platformOs: process.platform === 'darwin' ? 'macos' : process.platform,
    prependPathDirs: [],
    temporaryDirectories: [],
    tempDir: formatPath(tmpdir(), 'uri'),
    capabilities,
  };
}

export function environmentRoutes(options: EnvironmentOptions): Route[] {
  return [
    route(declared.environmentInfo, async () => ({ ...environmentInfo(options), sandbox: await sandboxReport() })),
    route(declared.environmentStatus, () => ({ status: 'ready' })),
    route(declared.environmentConfigRead, ({ cwd }) => {
      const style = cwd == null ? 'uri' : parsePath(cwd, 'cwd').style;
      return {
        userHomeDir: formatPath(homedir(), style),
        codexHomeDir: formatPath(process.env['CODEX_HOME'] ?? join(homedir(), '.codex'), style),
        hostname: hostname(),
        config: noLayers,
        requirements: noLayers,
      };
    }),
  ];
}

const noLayers = { layers: [], cloudInsertionIndex: 0 };

/** The user's own where it exists, as a login would take it. */
function userShell(): string {
  const candidates = [process.env['SHELL'], '/bin/bash', '/usr/bin/bash'];
  return (
    candidates.find((path) => path?.startsWith('/') && statSync(path, { throwIfNoEntry: false })?.isFile()) ?? '/bin/sh'
  );
}

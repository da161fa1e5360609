// The flags --ws-… and the token of `serve` → who is let in. Names and messages of the flags are those of Codex 0.169.0.

import { defaultClockSkewSec, UsageError, type AccessConfig } from '../config.ts';
import { SecretFile } from './secret-file.ts';
import { CapabilityTokens, type TokenVerifier } from './tokens.ts';

/**
 * @returns undefined when no `--ws-auth` asks for tokens.
 * @param onProblem told when a changed file is not taken; what it held before stays in force.
 * @throws UsageError for flags that contradict each other, and files that cannot be used.
 */
export async function tokenVerifier(
  config: AccessConfig,
  onProblem: (problem: string) => void,
): Promise<TokenVerifier | undefined> {
  checkFlags(config);
  switch (config.wsAuth) {
    case '':
      return undefined;
    case 'capability-token':
      return capabilityTokens(config, onProblem);
    case 'signed-bearer-token':
      return signedTokens(config, onProblem);
    default:
      throw new UsageError(
        `--ws-auth: expected capability-token or signed-bearer-token, got ${config.wsAuth.slice(0, 100)}`,
      );
  }
}

/** One fixed token that allows everything. */
export function singleToken(token: string): TokenVerifier {
  const tokens = new CapabilityTokens();
  tokens.setToken('serve', token);
  return tokens;
}

function checkFlags(config: AccessConfig): void {
  const hasTokenFlags = config.wsTokenFile !== '' || config.wsTokenSha256 !== '';
  const hasSignedFlags =
    config.wsSharedSecretFile !== '' ||
    config.wsIssuer !== '' ||
    config.wsAudience !== '' ||
    config.wsMaxClockSkewSeconds !== defaultClockSkewSec;
  if (config.wsAuth === '' && (hasTokenFlags || hasSignedFlags)) {
    throw new UsageError('websocket auth flags require --ws-auth capability-token or --ws-auth signed-bearer-token');
  }
  if (config.wsAuth === 'capability-token' && hasSignedFlags) {
    throw new UsageError(
      '--ws-shared-secret-file, --ws-issuer, --ws-audience and --ws-max-clock-skew-seconds require --ws-auth signed-bearer-token',
    );
  }
  if (config.wsAuth === 'signed-bearer-token' && hasTokenFlags) {
    throw new UsageError(
      '--ws-token-file and --ws-token-sha256 require --ws-auth capability-token, not signed-bearer-token',
    );
  }
}

function capabilityTokens(config: AccessConfig, onProblem: (problem: string) => void): TokenVerifier {
  const { wsTokenFile: file, wsTokenSha256: digest } = config;
  if (file !== '' && digest !== '')
    throw new UsageError('--ws-token-file and --ws-token-sha256 are mutually exclusive');
  const tokens = new CapabilityTokens();
  if (file !== '') return withFile(tokens, new SecretFile(file, (content) => tokens.setFromFile(content), onProblem));
  if (digest === '') {
    throw new UsageError('--ws-token-file or --ws-token-sha256 is required when --ws-auth capability-token is set');
  }
  if (!/^[0-9a-f]{64}$/i.test(digest))
    throw new UsageError('--ws-token-sha256 must be a 64-character hex SHA-256 digest');
  tokens.setDigest('token-sha256', digest);
  return tokens;
}

async function signedTokens(config: AccessConfig, onProblem: (problem: string) => void): Promise<TokenVerifier> {
  const file = config.wsSharedSecretFile;
  if (file === '') {
    throw new UsageError('--ws-shared-secret-file is required when --ws-auth signed-bearer-token is set');
  }
  // Most servers have no signed tokens.
  const { SignedTokens } = await import('./signed-tokens.ts');
  const tokens = new SignedTokens({
    issuer: config.wsIssuer || undefined,
    audience: config.wsAudience || undefined,
    maxClockSkewSec: config.wsMaxClockSkewSeconds,
  });
  return withFile(tokens, new SecretFile(file, (secret) => tokens.setSecret(secret, file), onProblem));
}

function withFile(tokens: TokenVerifier, file: SecretFile): TokenVerifier {
  return {
    verify: (candidate) => tokens.verify(candidate),
    close: () => {
      file.close();
      tokens.close();
    },
  };
}

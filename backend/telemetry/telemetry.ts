// Traces and metrics by OpenTelemetry, switched on by its own environment variables (docs/operations.md, "OpenTelemetry").
// The libraries are loaded only then.

import type { ExecObserver } from '../exec/observer.ts';

const endpoints = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
];

/** @returns undefined where no endpoint is named, or OTEL_SDK_DISABLED says so. */
export async function telemetry(env: NodeJS.ProcessEnv, version: string): Promise<ExecObserver | undefined> {
  const isWanted = endpoints.some((name) => (env[name] ?? '') !== '');
  if (!isWanted || env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  const { Exporting } = await import('./exporting.ts');
  return new Exporting(env, version);
}

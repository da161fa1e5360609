// What OpenTelemetry is told: a span for each request that was answered and for each process, continuing the trace that the
// harness sent (`trace` of the envelope, W3C Trace Context); counts and durations as metrics. Sent by OTLP over HTTP.

import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import * as z from 'zod';
import { withoutQueries } from '../audit/audited-params.ts';
import { RpcCode } from '../../shared/errors.ts';
import type { TraceContext } from '../../shared/rpc/envelope.ts';
import type { AnsweredRequest, EndedProcess, ExecObserver } from '../exec/observer.ts';

/** What has not been sent by then is given up when the server ends, ms. */
const flushMs = 2000;
const scope = 'exec-workbench';

export class Exporting implements ExecObserver {
  readonly #tracer: Tracer;
  readonly #providers: readonly { shutdown(): Promise<void> }[];
  readonly #propagator = new W3CTraceContextPropagator();
  /** Spans of processes that run, by session and processId. */
  readonly #running = new Map<string, Map<string, Span>>();
  readonly #durations;
  readonly #connections;
  readonly #processes;

  constructor(env: NodeJS.ProcessEnv, version: string) {
    const service = resourceFromAttributes({
      'service.name': env['OTEL_SERVICE_NAME'] ?? scope,
      'service.version': version,
    });
    const resource = defaultResource().merge(service);
    const traces = new BasicTracerProvider({
      resource,
      spanProcessors: env['OTEL_TRACES_EXPORTER'] === 'none' ? [] : [new BatchSpanProcessor(new OTLPTraceExporter())],
    });
    const metrics = new MeterProvider({
      resource,
      readers:
        env['OTEL_METRICS_EXPORTER'] === 'none'
          ? []
          : [
              new PeriodicExportingMetricReader({
                exporter: new OTLPMetricExporter(),
                exportIntervalMillis: Number(env['OTEL_METRIC_EXPORT_INTERVAL']) || 60_000,
                exportTimeoutMillis: Math.min(Number(env['OTEL_METRIC_EXPORT_INTERVAL']) || 60_000, 30_000),
              }),
            ],
    });
    this.#providers = [traces, metrics];
    this.#tracer = traces.getTracer(scope, version);
    const meter = metrics.getMeter(scope, version);
    this.#durations = meter.createHistogram('rpc.server.duration', { unit: 'ms', description: 'Requests answered' });
    this.#connections = meter.createUpDownCounter('exec.connections', { description: 'Connections that are open' });
    this.#processes = meter.createUpDownCounter('exec.processes', { description: 'Processes that run' });
  }

  connected(): void {
    this.#connections.add(1);
  }

  disconnected(): void {
    this.#connections.add(-1);
  }

  answered({ connection, sessionId, method, params, trace: carried, durationMs, error }: AnsweredRequest): void {
    // A name that no method has is the harness's: it must not become a label.
    const known = error?.code === RpcCode.methodNotFound ? 'unknown' : method;
    this.#durations.record(durationMs, { 'rpc.method': known, 'rpc.jsonrpc.error_code': error?.code ?? 0 });
    const endMs = Date.now();
    const parent = this.#contextOf(carried);
    const span = this.#tracer.startSpan(
      known,
      {
        kind: SpanKind.SERVER,
        startTime: endMs - durationMs,
        attributes: {
          'rpc.system': 'jsonrpc',
          'rpc.method': method,
          'exec.connection.id': connection.id,
          'exec.session.id': sessionId ?? '',
        },
      },
      parent,
    );
    if (error) {
      span.setAttribute('rpc.jsonrpc.error_code', error.code);
      span.setStatus({ code: SpanStatusCode.ERROR, message: withoutQueries(error.message) });
    }
    span.end(endMs);
    const processId = processIdOf(params);
    if (method === 'process/start' && !error && sessionId !== undefined && processId !== undefined) {
      this.#processStarted(sessionId, processId, trace.setSpan(parent, span));
    }
  }

  processExited({ sessionId, processId, exitCode }: EndedProcess): void {
    const ofSession = this.#running.get(sessionId);
    const span = ofSession?.get(processId);
    if (!span) return;
    ofSession?.delete(processId);
    this.#endProcess(span, exitCode);
  }

  sessionEnded(sessionId: string): void {
    for (const span of this.#running.get(sessionId)?.values() ?? []) this.#endProcess(span, undefined);
    this.#running.delete(sessionId);
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise((resolve) => (timer = setTimeout(resolve, flushMs)));
    await Promise.race([Promise.allSettled(this.#providers.map((provider) => provider.shutdown())), deadline]);
    clearTimeout(timer);
  }

  #processStarted(sessionId: string, processId: string, start: Context): void {
    this.#processes.add(1);
    let ofSession = this.#running.get(sessionId);
    if (!ofSession) this.#running.set(sessionId, (ofSession = new Map<string, Span>()));
    const attributes = { 'exec.session.id': sessionId, 'exec.process.id': processId };
    ofSession.set(processId, this.#tracer.startSpan('process', { kind: SpanKind.INTERNAL, attributes }, start));
  }

  /** @param exitCode undefined when it was ended with its session. */
  #endProcess(span: Span, exitCode: number | undefined): void {
    this.#processes.add(-1);
    if (exitCode !== undefined) span.setAttribute('process.exit.code', exitCode);
    if (exitCode !== 0) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  #contextOf(carried: TraceContext | undefined): Context {
    if (!carried?.traceparent) return ROOT_CONTEXT;
    return this.#propagator.extract(ROOT_CONTEXT, carried, {
      get: (from: TraceContext, key) => (key === 'traceparent' ? from.traceparent : from.tracestate),
      keys: () => ['traceparent', 'tracestate'],
    });
  }
}

function processIdOf(params: unknown): string | undefined {
  const parsed = z.looseObject({ processId: z.string() }).safeParse(params);
  return parsed.success ? parsed.data.processId : undefined;
}

// GET /metrics: Prometheus text. Labels are few: no ids, commands or paths.

import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { durationBuckets } from '../exec/exec-metrics.ts';
import type { ExecServer } from '../exec/exec-server.ts';

/** Reads the numbers of `server` whenever it is asked. */
export function metricsRegistry(server: ExecServer): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `exec_workbench_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const { metrics, sessions, shared } = server;
  gauge('connections', 'Open connections', () => metrics.connectionsOpen);
  gauge('connections_total', 'Connections since the start', () => metrics.connectionsTotal);
  gauge('sessions', 'Sessions, attached or not', () => sessions.size);
  gauge(
    'sessions_detached',
    'Sessions without a connection',
    () => [...sessions].filter((session) => !session.isAttached).length,
  );
  gauge('processes', 'Processes that are not closed', () =>
    [...sessions].reduce((sum, session) => sum + session.runningCount, 0),
  );
  gauge('processes_started_total', 'Processes since the start', () => sessions.counters.processesStarted);
  gauge('output_bytes_total', 'Bytes of output of processes', () => sessions.counters.outputBytes);
  gauge('messages_in_total', 'Messages of harnesses', () => metrics.messagesIn);
  gauge('message_bytes_in_total', 'Characters of messages of harnesses', () => metrics.bytesIn);
  gauge('malformed_messages_total', 'Messages that were no JSON-RPC', () => metrics.malformedMessages);
  gauge('waiting_requests', 'Long polls, waits, HTTP requests, blocked writes', () => shared.waitingRequests.used);
  gauge('http_requests', 'HTTP requests made for harnesses', () => shared.httpRequests.used);
  gauge('file_handles', 'Open file handles of harnesses', () => shared.fileHandles.used);
  gauge('retained_output_bytes', 'Bytes of output kept for reading', () => shared.output.usedBytes);
  gauge(
    'event_loop_delay_seconds',
    'Worst delay of the event loop in the last five to ten seconds, while anybody is connected',
    () => server.eventLoop.worstDelayMs / 1000,
  );

  new Gauge({
    name: 'exec_workbench_rpc_total',
    help: 'Answered requests by method and result (ok or error code)',
    labelNames: ['method', 'result'],
    registers: [registry],
    collect() {
      for (const [method, { results }] of metrics.methods) {
        for (const [result, value] of results) this.set({ method, result }, value);
      }
    },
  });
  new Gauge({
    name: 'exec_workbench_rpc_duration_seconds_sum',
    help: 'Time from the arrival of requests to their answers',
    labelNames: ['method'],
    registers: [registry],
    collect() {
      for (const [method, { durationSumMs }] of metrics.methods) this.set({ method }, durationSumMs / 1000);
    },
  });
  new Gauge({
    name: 'exec_workbench_rpc_duration_seconds_bucket',
    help: 'Requests answered within le seconds',
    labelNames: ['method', 'le'],
    registers: [registry],
    collect() {
      for (const [method, { buckets }] of metrics.methods) {
        let sum = 0;
        for (const [index, value] of buckets.entries()) {
          sum += value;
          this.set({ method, le: String(durationBuckets[index] ?? '+Inf') }, sum);
        }
      }
    },
  });
  return registry;
}

// The rendezvous' part of GET /metrics. No ids: their number is what peers choose.

import { Gauge, type Registry } from 'prom-client';
import type { Counts } from './relay-metrics.ts';
import type { Rendezvous } from './rendezvous.ts';

export function addRelayMetrics(registry: Registry, rendezvous: Rendezvous): void {
  const { metrics, settings } = rendezvous;
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `exec_workbench_relay_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const byReason = (name: string, help: string, counts: Counts<string>) =>
    new Gauge({
      name: `exec_workbench_relay_${name}`,
      help,
      labelNames: ['reason'],
      registers: [registry],
      collect() {
        for (const [reason, value] of Object.entries(counts)) this.set({ reason }, value ?? 0);
      },
    });
  gauge('executors', 'Executors connected to this node', () => rendezvous.counts.executors);
  gauge('harnesses', 'Harnesses connected to this node', () => rendezvous.counts.harnesses);
  gauge('streams', 'Streams of the executors of this node', () => rendezvous.counts.streams);
  gauge('queued_bytes', 'Bytes that wait for slow peers', () => rendezvous.counts.queuedBytes);
  gauge('impaired_executors', 'Executors whose link is made bad on purpose', () => rendezvous.impairedExecutors.length);
  gauge('executor_connections_total', 'Connections of executors', () => metrics.executorConnections);
  gauge('harness_connections_total', 'Connections of harnesses', () => metrics.harnessConnections);
  gauge('frames_to_executor_total', 'Frames routed to executors', () => metrics.framesToExecutor);
  gauge('frames_to_harness_total', 'Frames routed to harnesses', () => metrics.framesToHarness);
  gauge('bytes_to_executor_total', 'Bytes of frames routed to executors', () => metrics.bytesToExecutor);
  gauge('bytes_to_harness_total', 'Bytes of frames routed to harnesses', () => metrics.bytesToHarness);
  gauge('streams_opened_total', 'Streams begun', () => metrics.streamsOpened);
  gauge(
    'streams_taken_over_total',
    'Streams resumed on another connection of their harness',
    () => metrics.streamsTakenOver,
  );
  gauge('pauses_total', 'Times that a sender had to wait for a slow peer', () => metrics.pauses);
  gauge(
    'watched_retransmits_total',
    'Segments that peers sent again on streams that were being watched',
    () => metrics.watchedRetransmits,
  );
  gauge(
    'watched_duplicates_total',
    'Segments that reached a peer twice on streams that were being watched',
    () => metrics.watchedDuplicates,
  );
  gauge('bus_messages_in_total', 'Messages of other nodes', () => metrics.busMessagesIn);
  gauge('bus_messages_out_total', 'Messages to other nodes', () => metrics.busMessagesOut);
  byReason('dropped_frames_total', 'Frames that were not routed', metrics.dropped);
  byReason('resets_total', 'Streams that the rendezvous has reset', metrics.resets);
  byReason('cut_connections_total', 'Connections that the rendezvous has ended', metrics.cuts);
  byReason('refused_upgrades_total', 'Relay URLs refused', metrics.refused);
  new Gauge({
    name: 'exec_workbench_relay_limit',
    help: 'What the rendezvous allows',
    labelNames: ['limit'],
    registers: [registry],
    collect() {
      this.set({ limit: 'frame_bytes' }, settings.relayMaxFrameBytes);
      this.set({ limit: 'streams_per_executor' }, settings.relayMaxStreams);
      this.set({ limit: 'harnesses_per_executor' }, settings.relayMaxHarnesses);
      this.set({ limit: 'queued_bytes_per_peer' }, settings.relayMaxQueuedBytes);
    },
  });
}

// The client library as it is published for every platform: `exec-workbench/client` under all conditions but `node`. The entry
// for Node, backend/client/api.ts, is this and more. docs/client-api.md is made from both.

export { connectRelay, connectWebSocket, type ConnectOptions, type RelayOptions } from './connect.ts';
export * from './api-common.ts';

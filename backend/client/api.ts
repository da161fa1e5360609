// The client library as it is published for Node: `exec-workbench/client` under the condition `node`.

export { connectInProcess, connectRelay, connectStdio, connectWebSocket, type StdioOptions } from './connect.ts';
export type { ChildOptions } from './child-connection.ts';
export { createExecServer, type ConnectionAcceptor, type InProcessServer } from './in-process-server.ts';
export { Environment, EnvironmentManager, type EnvironmentOptions } from './environments.ts';
export {
  parseEnvironments,
  readEnvironments,
  type EnvironmentEntry,
  type EnvironmentList,
  type EnvironmentPlace,
} from './environments-file.ts';
export type { ConnectOptions, RelayOptions } from '../../shared/client/connect.ts';
export * from '../../shared/client/api-common.ts';

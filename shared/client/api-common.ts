// What the client library offers everywhere alike; how to connect differs by platform.

export { ExecServerClient, type ClientOptions, type ClientStatus, type SessionOptions } from './harness.ts';
export type { ExecOptions, RunOptions } from './exec.ts';
export { type CollectOptions, RunResult } from './run.ts';
export {
  ProcessHandle,
  type LostOutput,
  type OutputBytes,
  type OutputStreamName,
  type ProcessListener,
  type ProcessState,
  type WaitOptions,
  type WriteStatus,
} from './process-handle.ts';
export type { ReaderOptions } from './output-reader.ts';
export { type DirectoryEntry, type Metadata, RemoteFiles, type RemoveOptions } from './files.ts';
export type { ReadStreamOptions } from './file-streams.ts';
export type { WalkOptions, WalkResult } from './walk.ts';
export { type FetchOptions, type HttpAnswer, RemoteHttp } from './http.ts';
export { askWayIn, listExecutors, type OnlineExecutor, type RegistryAddress } from './registry-api.ts';
export type { Sockets } from './sockets.ts';
export { LocalError, type LocalErrorCode, RpcCode, RpcError } from '../errors.ts';
export type { CloseInfo, Connection, ConnectionHandler } from '../connection/connection.ts';
export { connectionPair } from '../connection/memory.ts';
export { methods, notifications } from '../protocol/methods.ts';
// The declarations, for `client.call`: fsReadFile, processStart …
export * from '../protocol/environment.ts';
export * from '../protocol/fs.ts';
export * from '../protocol/http.ts';
export * from '../protocol/initialize.ts';
export * from '../protocol/process.ts';
export type { MethodDeclaration, NotificationDeclaration, ParamsInput, ResultOf } from '../protocol/declare.ts';

// Stands in for the model: as much of the OpenAI Responses API, streamed as server-sent events, as the Codex CLI needs.
// A scenario is the model: it hands out tool calls, gets what the CLI reports about them, and says the last word.
import http from 'node:http';
import * as z from 'zod';

/** A tool call as the Responses API writes it: a function with JSON arguments, or a custom tool with free text. */
export type ToolCall =
  | { readonly tool: string; readonly namespace?: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly tool: string; readonly input: string };

/** What the CLI reported about one call: its text, and the URLs of the images in it (`data:…`). */
export interface ToolReport {
  readonly text: string;
  readonly images: readonly string[];
}

/** The model's side of a run. It ends with the text that the CLI shows as the agent's message. */
export type ModelScript = (model: Model) => Promise<string>;

const contentSchema = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.string().optional(),
});
const inputItemSchema = z.looseObject({
  type: z.string().optional(),
  call_id: z.string().optional(),
  output: z.union([z.string(), z.array(contentSchema)]).optional(),
});
const toolSchema = z.looseObject({
  type: z.string(),
  name: z.string().optional(),
  tools: z.array(z.looseObject({ name: z.string() })).optional(),
});
const requestSchema = z.looseObject({
  input: z.array(inputItemSchema),
  tools: z.array(toolSchema).optional(),
});
type ModelRequest = z.infer<typeof requestSchema>;

type Turn = { readonly calls: readonly (ToolCall & { readonly callId: string })[] } | { readonly lastWord: string };

/** The model that a script drives. */
export class Model {
  #request: ModelRequest | undefined;
  #answer: ((turn: Turn) => void) | undefined;
  #arrived: (() => void) | undefined;
  #lastCallId = 0;

  /** Everything that the CLI sent with its latest request, as text: instructions, project docs, skills, results. */
  get context(): string {
    return JSON.stringify(this.#request ?? null);
  }

  /** Names of the tools that the CLI offers, `namespace.name` for those in a namespace. */
  get tools(): string[] {
    return (this.#request?.tools ?? []).flatMap((tool) =>
      tool.tools === undefined
        ? [tool.name ?? tool.type]
        : tool.tools.map((inner) => `${tool.name ?? tool.type}.${inner.name}`),
    );
  }

  /** Asks for these tool calls in one answer and resolves to what the CLI reported, in the same order. */
  async call(...calls: readonly ToolCall[]): Promise<ToolReport[]> {
    const numbered = calls.map((call) => ({ ...call, callId: `call_${String(++this.#lastCallId)}` }));
    this.#give({ calls: numbered });
    await this.waitForRequest();
    return numbered.map(({ callId, tool }) => {
      const item = this.#request?.input.find((entry) => entry.call_id === callId && entry.output !== undefined);
      if (item?.output === undefined) throw new Error(`the CLI reported nothing about ${tool} (${callId})`);
      if (typeof item.output === 'string') return { text: item.output, images: [] };
      return {
        text: item.output.map((part) => part.text ?? '').join(''),
        images: item.output.flatMap((part) => (part.image_url === undefined ? [] : [part.image_url])),
      };
    });
  }

  /** Resolves when the CLI has asked for the next answer. The stand-in calls this once before the script begins. */
  async waitForRequest(): Promise<void> {
    if (this.#answer !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
  }

  finish(lastWord: string): void {
    this.#give({ lastWord });
  }

  /** Takes a request of the CLI; `answer` is called once, when the script knows what to say. */
  take(request: ModelRequest, answer: (turn: Turn) => void): void {
    this.#request = request;
    this.#answer = answer;
    this.#arrived?.();
    this.#arrived = undefined;
  }

  #give(turn: Turn): void {
    const answer = this.#answer;
    if (answer === undefined) throw new Error('the CLI has not asked the model for anything');
    this.#answer = undefined;
    answer(turn);
  }
}

/** One run's model on a free loopback port. */
export class ModelStandIn {
  readonly #model = new Model();
  readonly #server = http.createServer((request, response) => {
    void this.#serve(request, response);
  });
  /** Resolves when the script has said its last word; rejects with what it threw. */
  readonly finished: Promise<void>;

  private constructor(script: ModelScript) {
    this.finished = this.#play(script);
    // Whoever runs the CLI looks at `finished` after the run; until then a failure must not count as unhandled.
    this.finished.catch(() => undefined);
  }

  static async open(script: ModelScript): Promise<ModelStandIn> {
    const standIn = new ModelStandIn(script);
    await new Promise<void>((resolve, reject) => {
      standIn.#server.once('error', reject);
      standIn.#server.listen(0, '127.0.0.1', resolve);
    });
    return standIn;
  }

  /** The `base_url` of a model provider. */
  get baseUrl(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the stand-in is closed');
    return `http://127.0.0.1:${String(address.port)}/v1`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #play(script: ModelScript): Promise<void> {
    await this.#model.waitForRequest();
    let lastWord: string;
    try {
      lastWord = await script(this.#model);
    } catch (error) {
      // The CLI is let go in order, so that a failed expectation is what the report shows, not a run that hangs.
      try {
        this.#model.finish('the script failed');
      } catch {
        // No request is waiting: the CLI is gone, or still busy and ended by its deadline.
      }
      throw error;
    }
    this.#model.finish(lastWord);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    if (request.method !== 'POST' || !(request.url ?? '').endsWith('/responses')) {
      response.writeHead(404).end();
      return;
    }
    const parsed = requestSchema.safeParse(JSON.parse(Buffer.concat(body).toString('utf8')));
    if (!parsed.success) {
      response.writeHead(400).end(parsed.error.message);
      return;
    }
    this.#model.take(parsed.data, (turn) => {
      writeTurn(response, turn);
    });
  }
}

let lastResponseId = 0;

/** One answer of the model: created, its items, completed with a usage (the CLI insists on one). */
function writeTurn(response: http.ServerResponse, turn: Turn): void {
  const id = `resp_${String(++lastResponseId)}`;
  const usage = { input_tokens: 1, input_tokens_details: null, output_tokens: 1, output_tokens_details: null };
  const items = 'calls' in turn ? turn.calls.map(callItem) : [messageItem(turn.lastWord)];
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const events: readonly ({ readonly type: string } & Record<string, unknown>)[] = [
    { type: 'response.created', response: { id } },
    ...items.map((item, index) => ({ type: 'response.output_item.done', output_index: index, item })),
    { type: 'response.completed', response: { id, usage: { ...usage, total_tokens: 2 } } },
  ];
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}

function callItem(call: ToolCall & { readonly callId: string }): Record<string, unknown> {
  if ('input' in call) {
    return { type: 'custom_tool_call', call_id: call.callId, name: call.tool, input: call.input };
  }
  const namespace = call.namespace === undefined ? {} : { namespace: call.namespace };
  const args = JSON.stringify(call.args);
  return { type: 'function_call', call_id: call.callId, name: call.tool, ...namespace, arguments: args };
}

function messageItem(text: string): Record<string, unknown> {
  return { type: 'message', role: 'assistant', id: 'msg_1', content: [{ type: 'output_text', text }] };
}

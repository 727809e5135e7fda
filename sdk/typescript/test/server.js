/** A real HTTP server of this machine, which answers as a test says and keeps what it was sent. */
import { createServer } from "node:http";

/**
 * @param {(call: {method: string, url: string, headers: object, body: string, number: number}, response: object) => void} answer
 */
export async function serving(answer) {
  const calls = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const call = { method: request.method, url: request.url, headers: request.headers, body, number: calls.length + 1 };
    calls.push(call);
    answer(call, response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    calls,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(closed))),
  };
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import { Bridge } from '../../src/android/bridge';
import { PortTransport } from '../../src/android/port_transport';
import { EngineLink } from '../../src/engine/engine_link';
import { WorkerTransport } from '../../src/engine/worker_transport';
import { FetchTransport } from '../../src/lib/transport/fetch_transport';
import { FakePort } from './fake_port';
import { FakeWorker } from './fake_worker';
import { kOptions } from './engine_options';
import { PlayedService, transportSuite } from './transport_suite';

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

transportSuite('FetchTransport', async () => {
  const service = new PlayedService();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [path, query = ''] = (request.url ?? '').split('?');
      const asked = { method: request.method ?? '', path: decodeURIComponent(path!), query, headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() };
      const leave = service.take(asked, {
        begin: (status, headers = {}) => response.writeHead(status, headers).flushHeaders(),
        part: (text) => response.write(text),
        end: () => response.end(),
      });
      response.on('close', () => response.writableFinished || leave());
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const lose = () => {
    server.closeAllConnections();
    server.close();
  };
  return { transport: new FetchTransport(`http://127.0.0.1:${port}`, () => 'token'), service, lose };
});

transportSuite('WorkerTransport', async () => {
  const service = new PlayedService();
  let worker!: FakeWorker;
  const link = new EngineLink(() => (worker = new FakeWorker(service)), kOptions);
  link.start();
  return {
    transport: new WorkerTransport(link),
    service,
    lose: () => worker.tell({ kind: 'state', state: { state: 'failed', code: 'storage_busy', message: 'its files are open elsewhere' } }),
  };
});

transportSuite('PortTransport', async () => {
  const service = new PlayedService();
  const port = new FakePort(service);
  const bridge = new Bridge();
  const transport = new PortTransport(bridge);
  bridge.attach(port);
  return { transport, service, lose: () => port.tell({ type: 'event', event: 'died', message: 'it ended', again: true }) };
});

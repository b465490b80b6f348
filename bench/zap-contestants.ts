import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import { serveZap } from '../src/sdk/zap/serve-zap.ts'
import { openZapClient } from '../src/sdk/zap/zap-client.ts'
import { zapMethod } from '../src/sdk/zap/zap-method.ts'

/** A way to ask for the same bytes back over one TCP connection of loopback, without TLS. */
export interface Contestant {
  /** Answer for ever. @returns the port */
  serve(): Promise<number>
  /** Connect. */
  open(port: number): Promise<Caller>
}

/** One connection. Calls may overlap. */
export interface Caller {
  call(payload: Uint8Array): Promise<Uint8Array>
  close(): void
}

const ECHO = zapMethod('echo')
const GRPC_ECHO = '/bench.Echo/Echo'
const asItIs = (bytes: Buffer) => bytes
const GRPC_OPTIONS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

/** Ours, and what it is compared with: each in its usual form, with the checks it does by itself. */
export const CONTESTANTS: Record<string, Contestant> = {
  zap: {
    async serve() {
      const listener = createServer({ noDelay: true }).listen(0, '127.0.0.1')
      await once(listener, 'listening')
      serveZap(listener, { echo: params => params })
      return portOf(listener.address())
    },
    async open(port) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      await once(socket, 'connect')
      const client = openZapClient(socket)
      return { call: payload => client.call(ECHO, payload), close: () => client.close() }
    },
  },

  // A generic service: no protobuf, bytes in and bytes out.
  grpc: {
    async serve() {
      const server = new Server(GRPC_OPTIONS)
      server.addService(
        {
          echo: {
            path: GRPC_ECHO,
            requestStream: false,
            responseStream: false,
            requestSerialize: asItIs,
            requestDeserialize: asItIs,
            responseSerialize: asItIs,
            responseDeserialize: asItIs,
          },
        },
        {
          echo: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
            answer(null, call.request),
        },
      )
      return new Promise((resolve, reject) =>
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
          error === null ? resolve(port) : reject(error),
        ),
      )
    },
    async open(port) {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), GRPC_OPTIONS)
      return {
        call: payload =>
          new Promise((resolve, reject) =>
            client.makeUnaryRequest(GRPC_ECHO, asItIs, asItIs, payload as Buffer, (error, value) =>
              value === undefined ? reject(error) : resolve(value),
            ),
          ),
        close: () => client.close(),
      }
    },
  },

  // Answers come in the order of the questions, so none needs an id. No compression.
  ws: {
    async serve() {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
      await once(server, 'listening')
      server.on('connection', socket => socket.on('message', data => socket.send(data, { binary: true })))
      return portOf(server.address())
    },
    async open(port) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
      await once(socket, 'open')
      const waiting: ((value: Uint8Array) => void)[] = []
      socket.on('message', data => waiting.shift()?.(data as Buffer))
      return {
        call: payload =>
          new Promise(resolve => {
            waiting.push(resolve)
            socket.send(payload)
          }),
        close: () => socket.terminate(),
      }
    },
  },
}

function portOf(address: unknown): number {
  return (address as { port: number }).port
}

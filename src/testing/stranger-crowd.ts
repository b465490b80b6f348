/**
 * A program of its own: a crowd of strangers at a hub's port, so that their memory is not the hub's.
 *
 *     node stranger-crowd.ts HOST:PORT KIND COUNT
 *
 * Says `there` when all are connected, and goes when its standard input ends.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { CLIENT_PREFACE, FRAME, frame, request } from './http2-frames.ts'
import { clientHello, openStranger, openTls } from './stranger.ts'

/** What each stranger of a crowd does, and then does nothing more. */
export const CROWDS = ['silent', 'half a ClientHello', 'TLS', 'HTTP/2', 'requests without end'] as const

/** What each stranger of a crowd does. */
export type Crowd = (typeof CROWDS)[number]

async function openOne(address: string, kind: Crowd, hello: Buffer): Promise<Socket> {
  if (kind === 'silent' || kind === 'half a ClientHello') {
    const { socket } = await openStranger(address)
    if (kind === 'half a ClientHello') socket.write(hello.subarray(0, -1))
    return socket
  }
  const socket = await openTls(address)
  socket
    .resume()
    .removeAllListeners('error')
    .on('error', () => {})
  if (kind === 'TLS') return socket
  socket.write(CLIENT_PREFACE)
  if (kind === 'HTTP/2') return socket
  // As much as a stranger may: eight requests whose bodies lack their end, each as long as its window.
  for (let stream = 1; stream < 16; stream += 2) {
    socket.write(request(stream, '/api/enroll', { method: 'POST', hasBody: true }))
    for (let count = 0; count < 3; count++) {
      socket.write(frame(FRAME.DATA, 0, stream, Buffer.alloc(10_000)))
    }
  }
  return socket
}

async function main([address = '', kind = 'silent', count = '0']: readonly string[]): Promise<void> {
  const hello = await clientHello()
  const sockets: Socket[] = []
  while (sockets.length < Number(count)) {
    const some = Array.from({ length: Math.min(50, Number(count) - sockets.length) })
    sockets.push(...(await Promise.all(some.map(() => openOne(address, kind as Crowd, hello)))))
  }
  process.stdout.write('there\n')
  await once(process.stdin.resume(), 'end')
  for (const socket of sockets) socket.destroy()
}

if (import.meta.main) await main(process.argv.slice(2))

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Hono } from 'hono'
import { MeshError } from '../core/model/errors.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openLocalStream } from './open-local-stream.ts'
import { serveUnixSocket } from './unix-server.ts'

test('a local stream carries bytes both ways, and a server that stops does not wait for it', async () => {
  using folder = makeScratchFolder()
  const socket = folder.file('agent.sock')
  const paths: string[] = []
  const server = await serveUnixSocket(new Hono(), socket, request => {
    paths.push(request.path)
    if (request.path === '/no') request.refuse(new MeshError('denied', 'Cannot open: not for you'))
    else {
      const stream = request.accept()
      stream.pipe(stream)
    }
  })
  await assert.rejects(openLocalStream({ socket }, '/no', 5_000), {
    code: 'denied',
    message: 'Cannot open: not for you',
  })
  const stream = await openLocalStream({ socket }, '/yes', 5_000)
  stream.write('hello')
  assert.equal(String((await once(stream, 'data'))[0]), 'hello')
  assert.deepEqual(paths, ['/no', '/yes'])
  const closed = once(stream, 'close')
  await server[Symbol.asyncDispose]()
  await closed
  await assert.rejects(openLocalStream({ socket }, '/yes', 5_000), { name: 'MeshError' })
})

test('a server without streams refuses them, as a plain request', async () => {
  using folder = makeScratchFolder()
  const socket = folder.file('agent.sock')
  await using _ = await serveUnixSocket(new Hono(), socket)
  await assert.rejects(openLocalStream({ socket }, '/yes', 5_000), { name: 'MeshError' })
  await assert.rejects(openLocalStream({ host: '127.0.0.1', port: 1 }, '/yes', 5_000), {
    code: 'unsupported',
  })
})

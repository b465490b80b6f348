import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'

test('64 MiB pass both ways at once, byte for byte, and a reader that waits stops the writer', async () => {
  await using lab = await createSdkLab()
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const listener = await host.listen('echo')
  listener.onConnection(connection => connection.pipe(connection))
  const block = randomBytes(1_048_576)
  const [sent, came] = [createHash('sha256'), createHash('sha256')]
  function* blocks(): Generator<Buffer> {
    for (let i = 0; i < 64; i++) {
      block[i] = (block[i] ?? 0) ^ 0xff
      sent.update(block)
      yield Buffer.from(block)
    }
  }
  const connection = await guest.dial('echo')
  await Promise.all([pipeline(Readable.from(blocks()), connection), pipeline(connection, came)])
  assert.equal(came.digest('hex'), sent.digest('hex'))
  assert.deepEqual([connection.bytesWritten, connection.bytesRead], [67_108_864, 67_108_864])

  const unread = await guest.dial('echo')
  let written = 0
  while (written < 512 && unread.write(block)) written += 1
  await until(() => unread.writableNeedDrain, 'it asks for patience')
  assert.ok(written < 512, 'what nobody reads is not all taken')
  unread.destroy()
})

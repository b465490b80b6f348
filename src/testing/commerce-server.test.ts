import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from './scratch-folder.ts'

/** Run the server as a developer does. */
async function startProcess(file: string) {
  const program = join(import.meta.dirname, 'commerce-server.ts')
  const child = spawn(process.execPath, [program, '--port', '0', '--file', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const gone = once(child, 'close')
  return {
    url: String(line).trim(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

const HEADERS = { authorization: 'Bearer user:bob', 'content-type': 'application/json' }
const SNAKE = { service: 'tcp/web', session_id: 's', bytes_sent: 1e9, bytes_received: 0, duration_ms: 1 }
const CAMEL = { service: 'tcp/web', sessionId: 's', bytesSent: 1e9, bytesReceived: 0, durationMs: 1 }

const post = (url: string, key: string, body: object) =>
  fetch(`${url}/v1/billing/usage`, {
    method: 'POST',
    headers: { ...HEADERS, 'x-idempotency-key': key },
    body: JSON.stringify(body),
  })

test('the Commerce server takes both spellings, charges a key once, and keeps its books when it is killed', async () => {
  using folder = makeScratchFolder()
  const file = folder.file('commerce.db')
  const statuses: number[] = []
  for (let run = 0; run < 2; run += 1) {
    await using server = await startProcess(file)
    statuses.push((await post(server.url, 's.a.0', SNAKE)).status)
    statuses.push((await post(server.url, 's.b.0', CAMEL)).status)
  }
  assert.deepEqual(statuses, [201, 201, 200, 200])
  await using server = await startProcess(file)
  const answer = await fetch(`${server.url}/v1/billing/balance?service=tcp%2Fweb`, { headers: HEADERS })
  // Ten to begin with; two gigabytes and two sessions.
  assert.equal(((await answer.json()) as { balance: number }).balance, 10 - 2 - 0.02)
  const refused = [
    await fetch(`${server.url}/v1/billing/balance?service=x`),
    await fetch(`${server.url}/v1/billing/balance`, { headers: HEADERS }),
    await post(server.url, 's.c.0', { ...SNAKE, bytes_sent: -1 }),
    await post(server.url, 's.c.0', { ...SNAKE, sessionId: 'another' }),
  ]
  assert.deepEqual(
    refused.map(({ status }) => status),
    [401, 400, 400, 400],
  )
})
